//! The table, its part about standard input: broken JSON, keys that nobody knows, values that cannot be.

use serde_json::{Value, json};

use crate::call::{cni, interface, with};
use crate::lab::lab;
use crate::table::{VERSIONS, add, case, plain, run};

#[test]
fn broken_input() {
    lab(|lab| {
        let call = || add(lab, &plain("1.0.0"));
        let mut cases = Vec::new();
        for (name, input) in [
            ("nothing", String::new()),
            ("white space", " \n".to_owned()),
            (
                "half an object",
                r#"{"cniVersion":"1.0.0","name""#.to_owned(),
            ),
            ("null", "null".to_owned()),
            ("a list", "[]".to_owned()),
            ("a number", "1".to_owned()),
            ("text", "\"text\"".to_owned()),
            ("two objects", "{}{}".to_owned()),
            ("a key twice", r#"{"name":"net","name":"net"}"#.to_owned()),
            (
                "a key twice deep down",
                r#"{"name":"net","args":{"a":{"b":1,"b":2}}}"#.to_owned(),
            ),
            ("deep lists", "[".repeat(100_000)),
            ("deep objects", r#"{"a":"#.repeat(100_000)),
            ("1 MB of junk", "x".repeat(1 << 20)),
            (
                "more than 1 MB",
                format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20)),
            ),
            ("10 MB of spaces", " ".repeat(10 << 20)),
            ("a comment", "{} // {}".to_owned()),
        ] {
            cases.push(case(name, call().input(input), 6, "configuration"));
        }
        cases.push(case("no UTF-8", call().input([b'"', 0xff, b'"']), 6, ""));
        for name in ["", "../x", "-a", "a b", "a/b", "é", ".a"] {
            let configuration = with(plain("1.0.0"), "name", json!(name));
            cases.push(case(
                format!("network {name:?}"),
                add(lab, &configuration),
                7,
                "name",
            ));
        }
        cases.push(case(
            "no name",
            call().input(r#"{"cniVersion":"1.0.0"}"#),
            7,
            "name",
        ));
        let twice = r#"{"cniVersion":"1.0.0","name":"net","mtu":1400,"MTU":1500}"#;
        cases.push(case(
            "a key in two cases",
            call().input(twice),
            7,
            "the same",
        ));
        run(lab, cases);
    });
}

#[test]
fn keys() {
    lab(|lab| {
        let mut cases = Vec::new();
        for (key, value, code, holds) in [
            (
                "bridge",
                json!("cni0"),
                2,
                "`bridge` with the value \\\"cni0\\\"",
            ),
            ("ipmask", json!(true), 2, "did you mean `ipMasq`"),
            ("mtus", json!(1), 2, "did you mean `mtu`"),
            ("deviceID", json!("0000:01:00.0"), 109, "0000:01:00.0"),
            ("deviceID", json!("eth0"), 7, "deviceID"),
            ("device", json!("0000:01:00.0"), 2, "device"),
            ("vlan", json!(5), 7, "deviceID"),
            ("mtu", json!("1500"), 7, "mtu"),
            ("mtu", json!(67), 7, "67"),
            ("mtu", json!(65536), 7, "65536"),
            ("mtu", json!(-1), 7, "mtu"),
            ("mtu", json!(1.5), 7, "mtu"),
            ("mac", json!("02:00:00:00:00"), 7, "mac"),
            ("mac", json!("ff:ff:ff:ff:ff:ff"), 7, "multicast"),
            ("mac", json!(["02:00:00:00:00:01"]), 7, "mac"),
            ("ips", json!("10.0.0.1/24"), 7, "ips"),
            ("ips", json!(["10.0.0.1/33"]), 7, "10.0.0.1/33"),
            ("ipMasq", json!("yes"), 7, "ipMasq"),
            ("ipam", json!("host-local"), 7, "ipam"),
            ("ipam", json!({"type": 1}), 7, "ipam.type"),
            ("ipam", json!({"type": "../host-local"}), 7, "ipam.type"),
            ("ipam", json!({"type": "absent"}), 106, "CNI_PATH"),
            ("dns", json!([]), 0, ""),
            ("dns", json!("10.0.0.1"), 7, "dns"),
            ("dns", json!({"nameservers": "10.0.0.1"}), 7, "dns"),
            ("stateDir", json!("relative"), 7, "stateDir"),
            ("logFile", json!("relative"), 7, "logFile"),
            ("logLevel", json!("loud"), 7, "logLevel"),
            ("runtimeConfig", json!([]), 7, "runtimeConfig"),
            ("runtimeConfig", json!({"mac": 1}), 7, "runtimeConfig.mac"),
            (
                "runtimeConfig",
                json!({"io.kubernetes.cri.pod-annotations": {"a": 1}}),
                7,
                "annotations",
            ),
            (
                "cni.dev/valid-attachments",
                json!([{"containerID": "x"}]),
                7,
                "ifname",
            ),
            (
                "cni.dev/valid-attachments",
                json!("x"),
                7,
                "valid-attachments",
            ),
            // What the specification, runtimes and meta-plugins add.
            ("MTU", json!(1400), 0, ""),
            ("IPS", json!(["10.0.0.1/24", "fd00::1"]), 0, ""),
            ("ipam", json!({}), 0, ""),
            ("ipam", Value::Null, 0, ""),
            ("mtu", Value::Null, 0, ""),
            ("args", json!({"labels": {"a": "b"}}), 0, ""),
            ("capabilities", json!({"mac": true, "x": true}), 0, ""),
            ("cni.dev/something", json!(1), 0, ""),
            ("CapaBilities", json!({}), 0, ""),
            (
                "runtimeConfig",
                json!({"portMappings": [{"HostPort": 80}], "Mac": "02:00:00:00:00:07"}),
                0,
                "",
            ),
            (
                "runtimeConfig",
                json!({"io.kubernetes.cri.pod-annotations": {"a": "b", "A": "B"}}),
                0,
                "",
            ),
        ] {
            let configuration = with(plain("1.0.0"), key, value.clone());
            cases.push(case(
                format!("{key}: {value}"),
                add(lab, &configuration),
                code,
                holds,
            ));
        }
        let both = with(interface(lab, "1.0.0"), "ips", json!(["10.0.0.1/24"]));
        cases.push(case("ips and ipam", add(lab, &both), 7, "either"));
        run(lab, cases);
    });
}

#[test]
fn mistakes_do_not_keep_a_pod_from_going() {
    lab(|lab| {
        lab.netns("table");
        let before = lab.snapshot();
        add(lab, &interface(lab, "1.0.0")).ok();
        let mut configuration = interface(lab, "1.0.0");
        for (key, value) in [
            ("bridge", json!("cni0")),
            ("mtu", json!("wrong")),
            ("ips", json!(["wrong"])),
            ("runtimeConfig", json!([])),
            ("prevResult", json!("wrong")),
        ] {
            configuration[key] = value;
        }
        cni(lab, "DEL", "table", &configuration)
            .set("CNI_ARGS", "wrong")
            .ok();
        lab.assert_same(&before, "afterwards");
    });
}

#[test]
fn standard_input_may_be_closed() {
    lab(|lab| {
        let reply = add(lab, &plain("1.0.0")).run_without_input();
        assert_eq!(reply.error()["code"], 6);
        let version = add(lab, &plain("1.0.0"))
            .set("CNI_COMMAND", "VERSION")
            .run_without_input();
        let supported = json!({"cniVersion": "1.1.0", "supportedVersions": VERSIONS});
        assert_eq!(version.value(), supported);
        let about = add(lab, &plain("1.0.0"))
            .unset("CNI_COMMAND")
            .run_without_input();
        assert_eq!((about.code, about.output.as_str()), (Some(0), ""));
    });
}
