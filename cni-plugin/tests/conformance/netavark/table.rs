//! The table: how the driver is called, and broken input of each kind. A call that fails must leave everything as it was.

use serde_json::{Value, json};

use super::call::{driver, driver_for, exec, network, with};
use crate::lab::lab;

#[test]
fn who_calls_is_told_by_name_and_verb() {
    lab(|lab| {
        let info = json!({"version": env!("CARGO_PKG_VERSION"), "api_version": "1.0.0"});
        let call = driver(lab, &["info"], &Value::Null).input("");
        assert_eq!(call.ok(), info);
        assert_eq!(
            call.clone().arguments(&[]).ok(),
            info,
            "under its name without a verb"
        );
        assert_eq!(call.clone().named("pinwire").ok(), info);
        assert_eq!(
            call.clone().set("CNI_COMMAND", "VERSION").ok(),
            info,
            "the name decides"
        );
        let other = call.clone().named("/opt/cni/bin/pinwire-cni");
        assert_eq!(other.ok(), info, "under another name, by the verb");
        assert_eq!(other.clone().set("CNI_COMMAND", "").ok(), info);
        let cni = other.clone().set("CNI_COMMAND", "VERSION").ok();
        assert_eq!(
            cni["cniVersion"], "1.1.0",
            "a CNI runtime gives no arguments, but might"
        );
        let about = other.arguments(&["help"]).run();
        assert_eq!((about.code, about.output.as_str()), (Some(0), ""));
        assert!(about.notes.contains("netavark"), "{about:?}");
        for verb in ["update", "", "Setup"] {
            let message = call.clone().arguments(&[verb]).refused();
            assert!(message.contains("none of create, setup"), "{message}");
        }
        for verb in ["setup", "teardown"] {
            let message = call.clone().arguments(&[verb]).refused();
            assert!(message.contains("second argument"), "{message}");
        }
    });
}

#[test]
fn standard_input() {
    lab(|lab| {
        lab.netns("c");
        let good = exec("c", &network("net", 1), 2);
        let megabyte = format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20));
        let twice = good
            .to_string()
            .replacen('{', "{\"container_id\": \"d\",", 1);
        let before = lab.snapshot();
        for verb in ["create", "setup", "teardown"] {
            let call = driver_for(lab, verb, "c", &good);
            for (input, holds) in [
                ("", "not JSON"),
                ("{", "not JSON"),
                ("{} {}", "not JSON"),
                ("\u{1}\u{2}", "not JSON"),
                (megabyte.as_str(), "1 MiB"),
                (twice.as_str(), "there twice"),
                ("[]", "plugin API"),
                ("null", "plugin API"),
                ("\"x\"", "plugin API"),
                ("{}", "missing field"),
            ] {
                let message = call.clone().input(input).refused();
                let head: String = input.chars().take(40).collect();
                assert!(message.contains(holds), "{verb} {head:?}: {message}");
            }
        }
        lab.assert_same(&before, "broken input");
    });
}

/// Each row is a change to a good setup, and what the message has to say.
#[test]
fn a_setup_that_cannot_be_changes_nothing() {
    lab(|lab| {
        lab.netns("c");
        let good = exec("c", &network("net", 1), 2);
        let before = lab.snapshot();
        for (key, value, holds) in [
            ("container_id", json!("../c"), "container_id"),
            ("container_id", json!(""), "container_id"),
            ("container_id", Value::Null, "invalid type"),
            ("container_name", json!(1), "invalid type"),
            ("network/id", json!("a/b"), "its id is wrong"),
            ("network/subnets/0/gateway", json!("10.9.0.1"), "10.9.0.1"),
            (
                "network/options",
                json!({"mtus": "1"}),
                "the network `net` is not possible: there is no option `mtus`",
            ),
            ("network_options/interface_name", json!(""), "is empty"),
            ("network_options/interface_name", json!("lo"), "`lo`"),
            (
                "network_options/interface_name",
                json!("a-very-long-name"),
                "15",
            ),
            (
                "network_options/static_ips",
                json!(["10.1.0.2"]),
                "it has no address in the subnet fd1::/64",
            ),
            (
                "network_options/static_ips",
                Value::Null,
                "no address in the subnet 10.1.0.0/24",
            ),
            (
                "network_options/static_ips",
                json!(["10.1.0.2", "fd1::2", "10.2.0.2"]),
                "10.2.0.2 is in no subnet of the network (10.1.0.0/24, fd1::/64)",
            ),
            (
                "network_options/static_ips",
                json!(["10.1.0.1", "fd1::2"]),
                "the gateway's",
            ),
            ("network_options/static_ips", json!(["ten"]), "invalid"),
            ("network_options/static_mac", json!("02"), "MAC"),
            (
                "network_options/static_mac",
                json!("01:00:00:00:00:00"),
                "multicast",
            ),
            (
                "network_options/options",
                json!({"mut": "1400"}),
                "the container `c-name` cannot be attached to the network `net`: there is no option `mut`: did you mean `mtu`?",
            ),
            ("network_options/options", json!({"mtu": "1000"}), "1280"),
            ("network_options", Value::Null, "invalid type"),
        ] {
            let call = driver_for(lab, "setup", "c", &with(good.clone(), key, value.clone()));
            let message = call.refused();
            assert!(message.contains(holds), "{key} {value}: {message}");
            lab.assert_same(&before, key);
        }
        for (netns, holds) in [
            ("/gone", "/gone"),
            ("/etc/passwd", "not a network namespace"),
            ("/proc/thread-self/ns/net", "own"),
            ("", "No such file"),
        ] {
            let message = driver(lab, &["setup", netns], &good).refused();
            assert!(message.contains(holds), "{netns}: {message}");
            lab.assert_same(&before, netns);
        }
        let state = lab.path("file");
        std::fs::write(&state, "").unwrap();
        let call = driver_for(lab, "setup", "c", &good);
        let message = call
            .set("PINWIRE_CNI_STATE", state.join("x").to_str().unwrap())
            .refused();
        assert!(message.contains("Not a directory"), "{message}");
        lab.assert_same(&before, "state that cannot be written");
    });
}
