//! GC and STATUS in main-plugin mode, and their delegation.

use pinwire_support::inside::links;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{cni, interface, with};
use crate::ipam::{calls, managed, noting};
use crate::lab::lab;

#[test]
fn gc_removes_what_is_not_listed() {
    lab(|lab| {
        let configuration = interface(lab, "1.0.0");
        for container in ["a", "b", "c"] {
            lab.netns(container);
            cni(lab, "ADD", container, &configuration).ok();
        }
        let other = with(json!({"cniVersion": "1.1.0"}), "name", json!("other"));
        lab.netns("d");
        cni(lab, "ADD", "d", &other).ok();
        let gc = |key: &str, valid: Value| {
            // As libcni sends it; host-local itself does not speak 1.1.0, so it is asked for each attachment only.
            let gc = json!({"cniVersion": "1.1.0", "name": "net", key: valid});
            cni(lab, "GC", "", &gc)
        };
        gc(
            "cni.dev/valid-attachments",
            json!([
                {"containerID": "a", "ifname": "eth0"},
                {"containerID": "b", "ifname": "eth0"},
                {"containerID": "c", "ifname": "eth1"},
            ]),
        )
        .ok();
        assert_eq!(lab.leases().len(), 4, "c is gone, with both its addresses");
        assert_eq!(lab.state_files().len(), 3);
        gc(
            "cni.dev/attachments",
            json!([{"containerID": "a", "ifname": "eth0"}]),
        )
        .ok();
        assert_eq!(lab.leases().len(), 2);
        // Go writes an empty list as null.
        gc("cni.dev/valid-attachments", Value::Null).ok();
        assert_eq!(lab.leases(), [""; 0]);
        assert_eq!(
            lab.state_files().len(),
            1,
            "the other network is left alone"
        );
        cni(
            lab,
            "GC",
            "",
            &with(other, "cni.dev/valid-attachments", json!([])),
        )
        .ok();
    });
}

#[test]
fn gc_without_a_list_removes_what_has_no_namespace() {
    lab(|lab| {
        let configuration = interface(lab, "1.0.0");
        for container in ["a", "b"] {
            lab.netns(container);
            cni(lab, "ADD", container, &configuration).ok();
        }
        let gc = json!({"cniVersion": "1.1.0", "name": "net"});
        let gc = cni(lab, "GC", "", &gc);
        gc.ok();
        assert_eq!(lab.leases().len(), 4, "both are in use");
        lab.remove("a");
        gc.ok();
        assert_eq!(lab.leases().len(), 2, "a is gone");
        lab.remove("b");
        gc.ok();
    });
}

#[test]
fn gc_goes_on_after_errors_and_reports_all() {
    lab(|lab| {
        let broken = lab.path("broken").display().to_string();
        // Each container gets an address of its own, which the host can route only once.
        let script = r#"case $CNI_COMMAND in
            VERSION) echo '{"supportedVersions": ["1.1.0"]}';;
            ADD) [ $CNI_CONTAINERID = a ] && last=5 || last=6
                 echo "{\"ips\": [{\"address\": \"10.0.0.$last/24\"}]}";;
            *) [ ! -e BROKEN ] || exit 9;;
        esac"#;
        noting(lab, "broken", &script.replace("BROKEN", &broken));
        for container in ["a", "b"] {
            lab.netns(container);
            cni(lab, "ADD", container, &managed("broken")).ok();
        }
        std::fs::write(&broken, "").unwrap();
        calls(lab);
        let gc = cni(
            lab,
            "GC",
            "",
            &with(managed("broken"), "cni.dev/valid-attachments", json!([])),
        );
        let message = gc.fails(107);
        assert!(message.starts_with("3 errors"), "{message}");
        assert_eq!(
            links(&Netns::current().unwrap()),
            ["lo"],
            "all interfaces are gone"
        );
        let calls = calls(lab);
        assert!(
            calls.contains("DEL a") && calls.contains("DEL b") && calls.ends_with("GC  \n"),
            "{calls}"
        );
        std::fs::remove_file(&broken).unwrap();
        gc.ok();
        assert_eq!(lab.state_files(), [""; 0]);
    });
}

#[test]
fn status_is_that_of_what_every_add_needs() {
    lab(|lab| {
        let status = |kind: &str| cni(lab, "STATUS", "", &managed(kind));
        cni(
            lab,
            "STATUS",
            "",
            &json!({"cniVersion": "1.1.0", "name": "net"}),
        )
        .ok();
        assert!(
            status("absent")
                .fails(50)
                .contains("none of the directories")
        );
        // Debian's host-local speaks 1.0.0 at most, so ADD with 1.1.0 would fail as well.
        assert!(status("host-local").fails(50).contains("does not speak"));
        let speaks = r#"VERSION) echo '{"supportedVersions": ["1.0.0", "1.1.0"]}';;"#;
        for (name, answer, code) in [
            ("ready", "true", 0),
            (
                "unavailable",
                r#"echo '{"code": 50, "msg": "full"}'; exit 1"#,
                50,
            ),
            (
                "limited",
                r#"echo '{"code": 51, "msg": "slow"}'; exit 1"#,
                51,
            ),
            (
                "old",
                r#"echo '{"code": 4, "msg": "unknown CNI_COMMAND: STATUS"}'; exit 1"#,
                0,
            ),
            ("crashes", "exit 9", 0),
        ] {
            lab.script(
                name,
                &format!("case $CNI_COMMAND in {speaks} STATUS) {answer};; esac"),
            );
            if code == 0 {
                status(name).ok();
            } else {
                status(name).fails(code);
            }
        }
    });
}
