//! The table: verbs, versions, environment and broken input, each with the code that it must give. A call that fails must
//! leave everything as it was.

use pinwire_support::call::Call;
use serde_json::{Value, json};

use crate::call::{cni, with};
use crate::lab::{Lab, lab};

pub(crate) const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// One row.
pub(crate) struct Case {
    name: String,
    call: Call,
    /// The error's code, 0 for success.
    code: u64,
    /// What the message or its details hold.
    holds: &'static str,
}

pub(crate) fn case(name: impl Into<String>, call: Call, code: u64, holds: &'static str) -> Case {
    Case {
        name: name.into(),
        call,
        code,
        holds,
    }
}

/// A configuration without IPAM, which costs no second process.
pub(crate) fn plain(version: &str) -> Value {
    json!({"cniVersion": version, "name": "net", "type": "pinwire-cni"})
}

pub(crate) fn add(lab: &Lab<'_>, configuration: &Value) -> Call {
    cni(lab, "ADD", "table", configuration)
}

/// Runs the rows, each on a fresh container.
pub(crate) fn run(lab: &Lab<'_>, cases: Vec<Case>) {
    lab.netns("table");
    lab.script(
        "answers-all",
        r#"case $CNI_COMMAND in VERSION) echo '{"supportedVersions":["1.1.0"]}';; esac"#,
    );
    for Case {
        name,
        call,
        code,
        holds,
    } in cases
    {
        let before = lab.snapshot();
        let reply = call.run();
        if code == 0 {
            assert_eq!(reply.code, Some(0), "{name}: {reply:?}");
            reply.value();
            add(lab, &plain("1.0.0")).set("CNI_COMMAND", "DEL").ok();
        } else {
            let error = reply.error();
            assert_eq!(error["code"], code, "{name}: {error}");
            assert!(error.to_string().contains(holds), "{name}: {error}");
        }
        lab.assert_same(&before, &name);
    }
}

#[test]
fn every_verb_of_every_version() {
    lab(|lab| {
        let mut cases = Vec::new();
        for version in VERSIONS {
            let at = |verb: &str| format!("{verb} in {version}");
            cases.push(case(at("ADD"), add(lab, &plain(version)), 0, ""));
            cases.push(case(
                at("DEL"),
                add(lab, &plain(version)).set("CNI_COMMAND", "DEL"),
                0,
                "",
            ));
            let check = with(plain(version), "prevResult", json!({"cniVersion": version}));
            // With nothing attached and nothing of ours in the result, somebody else's container passes.
            let (code, holds) = if version < "0.4.0" {
                (1, "0.4.0")
            } else {
                (0, "")
            };
            cases.push(case(
                at("CHECK"),
                add(lab, &check).set("CNI_COMMAND", "CHECK"),
                code,
                holds,
            ));
            let (code, holds) = if version < "1.1.0" {
                (1, "1.1.0")
            } else {
                (0, "")
            };
            let gc = with(plain(version), "cni.dev/valid-attachments", json!([]));
            cases.push(case(
                at("GC"),
                add(lab, &gc).set("CNI_COMMAND", "GC"),
                code,
                holds,
            ));
            let status = add(lab, &plain(version)).set("CNI_COMMAND", "STATUS");
            cases.push(case(at("STATUS"), status, code, holds));
            let version = add(lab, &plain(version)).set("CNI_COMMAND", "VERSION");
            cases.push(case(at("VERSION"), version, 0, ""));
        }
        for version in [
            "2.0.0", "1.1", "0.5.0", "v1.0.0", "1.0.0 ", "1.2.0", "0.4.1",
        ] {
            cases.push(case(
                format!("version {version:?}"),
                add(lab, &plain(version)),
                1,
                "1.1.0",
            ));
        }
        let number = with(plain("1.0.0"), "cniVersion", json!(1));
        cases.push(case(
            "a number for a version",
            add(lab, &number),
            1,
            "cniVersion 1 is",
        ));
        let none = json!({"name": "net", "type": "pinwire-cni"});
        cases.push(case("no version is 0.1.0", add(lab, &none), 0, ""));
        let check = add(lab, &none).set("CNI_COMMAND", "CHECK");
        cases.push(case("no version has no CHECK", check, 1, "0.1.0"));
        let gc = add(lab, &plain("1.1.0")).set("CNI_COMMAND", "GC");
        cases.push(case("GC without a list", gc, 0, ""));
        let check = add(lab, &plain("1.1.0")).set("CNI_COMMAND", "CHECK");
        cases.push(case("CHECK without a result", check, 7, "prevResult"));
        run(lab, cases);
    });
}

#[test]
fn the_environment() {
    lab(|lab| {
        let mut cases = Vec::new();
        let required: [(&str, &[&str]); 5] = [
            (
                "ADD",
                &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
            ),
            (
                "CHECK",
                &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
            ),
            ("DEL", &["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]),
            ("GC", &["CNI_PATH"]),
            ("STATUS", &["CNI_PATH"]),
        ];
        for (verb, variables) in required {
            let call = cni(lab, verb, "table", &plain("1.1.0"));
            for variable in variables {
                let name = format!("{verb} without {variable}");
                cases.push(case(name, call.clone().unset(variable), 4, variable));
                let name = format!("{verb} with an empty {variable}");
                cases.push(case(name, call.clone().set(variable, ""), 4, variable));
            }
        }
        for verb in ["add", "PING", "ADD ", "ADD\n"] {
            let call = add(lab, &plain("1.0.0")).set("CNI_COMMAND", verb);
            cases.push(case(format!("verb {verb:?}"), call, 4, "CNI_COMMAND"));
        }
        for id in ["../x", "a/b", "-a", ".a", "_a", "é", "a b", "a\n"] {
            let call = add(lab, &plain("1.0.0")).set("CNI_CONTAINERID", id);
            cases.push(case(
                format!("container {id:?}"),
                call,
                4,
                "CNI_CONTAINERID",
            ));
        }
        for name in [
            "a/b",
            "a:b",
            "a b",
            ".",
            "..",
            "abcdefghijklmnop",
            "lo",
            "a\tb",
            "eth%d",
        ] {
            let call = add(lab, &plain("1.0.0")).set("CNI_IFNAME", name);
            cases.push(case(format!("interface {name:?}"), call, 4, "CNI_IFNAME"));
        }
        let own = "/proc/thread-self/ns/net";
        for (netns, holds) in [
            ("/gone", "/gone"),
            ("/etc/passwd", "nothing is mounted"),
            (own, "own"),
            ("/", "nothing"),
        ] {
            for verb in ["ADD", "CHECK"] {
                let check = with(plain("1.0.0"), "prevResult", json!({}));
                let configuration = if verb == "ADD" { plain("1.0.0") } else { check };
                let call = cni(lab, verb, "table", &configuration).set("CNI_NETNS", netns);
                cases.push(case(format!("{verb} in {netns}"), call, 4, holds));
            }
        }
        for (arguments, code, holds) in [
            ("K8S_POD_NAME", 4, "KEY=VALUE"),
            ("A=1;B", 4, "`B`"),
            ("MAC=1", 4, "MAC"),
            ("MAC=01:00:00:00:00:00", 4, "multicast"),
            ("MTU=many", 4, "many"),
            ("IP=10.0.0.300", 4, "10.0.0.300"),
            ("IgnoreUnknown=1;UNKNOWN=x;K8S_POD_NAME=p;", 0, ""),
            (";;", 0, ""),
            (
                "MAC=02:00:00:00:00:09;IP=10.9.0.1/24,fd09::1/64;MTU=1400",
                0,
                "",
            ),
        ] {
            let call = add(lab, &plain("1.0.0")).set("CNI_ARGS", arguments);
            cases.push(case(format!("arguments {arguments:?}"), call, code, holds));
        }
        run(lab, cases);
    });
}

#[test]
fn errors_echo_the_version() {
    lab(|lab| {
        for version in VERSIONS {
            let call = add(
                lab,
                &with(plain(version), "ipam", json!({"type": "absent"})),
            );
            let error = call.set("CNI_NETNS", "/gone").run().error();
            assert_eq!(error["cniVersion"], version);
        }
    });
}
