//! Results: the shape of each version, and the result of the plugins before this one in the chain.

use serde_json::{Value, json};

use crate::call::{cni, interface, previous, with};
use crate::lab::lab;

#[test]
fn a_result_has_the_shape_of_its_version() {
    lab(|lab| {
        lab.netns("c");
        for version in ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"] {
            let configuration = with(
                interface(lab, version),
                "dns",
                json!({"nameservers": ["10.77.0.1"]}),
            );
            let result = cni(lab, "ADD", "c", &configuration).ok();
            check_shape(&result, version);
            cni(lab, "DEL", "c", &configuration).ok();
        }
        // Debian's host-local does not speak 1.1.0.
        let configuration = with(interface(lab, "1.1.0"), "ipam", Value::Null);
        let configuration = with(configuration, "ips", json!(["10.77.0.2/16", "fd77::2/64"]));
        let result = cni(lab, "ADD", "c", &configuration).ok();
        assert_eq!(result["interfaces"][1]["mtu"], 1500);
        check_shape(&result, "1.1.0");
        cni(lab, "DEL", "c", &configuration).ok();
    });
}

fn check_shape(result: &Value, version: &str) {
    assert_eq!(result["cniVersion"], version, "{result}");
    if version < "0.3.0" {
        assert_eq!(result["ip4"]["gateway"], "10.77.0.1", "{result}");
        assert_eq!(
            result["ip4"]["routes"],
            json!([{"dst": "0.0.0.0/0", "gw": "10.77.0.1"}])
        );
        assert!(
            result["ip6"]["ip"].as_str().unwrap().starts_with("fd77::"),
            "{result}"
        );
        assert!(result.get("interfaces").is_none() && result.get("ips").is_none());
        return;
    }
    let interfaces = result["interfaces"].as_array().unwrap();
    assert_eq!(interfaces[1]["name"], "eth0");
    assert_eq!(interfaces[0].get("sandbox"), None);
    assert_eq!(
        interfaces[1].get("mtu").is_some(),
        version >= "1.1.0",
        "{result}"
    );
    let ip = &result["ips"][0];
    assert_eq!(ip["interface"], 1);
    assert_eq!(
        ip.get("version").and_then(Value::as_str),
        (version < "1.0.0").then_some("4")
    );
    assert_eq!(result.get("ip4"), None);
}

#[test]
fn a_container_that_is_not_ours_passes_through() {
    lab(|lab| {
        lab.netns("c");
        let before = lab.snapshot();
        let shapes = [
            json!({}),
            previous("1.0.0"),
            json!({"interfaces": [], "ips": [], "routes": [], "dns": {"search": ["x"]}}),
            json!({"interfaces": null, "ips": null}),
            json!({"ips": [{"address": "10.0.0.1/24", "interface": -1}], "custom": {"key": [1, 2]}}),
            json!({"interfaces": [{"name": "a", "mac": "", "sandbox": "", "pciID": "0000:01:00.0"}]}),
            json!({"routes": [{"dst": "10.0.0.0/8", "gw": "10.0.0.1", "mtu": 1400, "table": 7, "scope": 253}]}),
            json!({"interfaces": [{"name": "a", "socketPath": "/run/x"}], "Dns": {}}),
        ];
        for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
            for shape in &shapes {
                let shape = with(shape.clone(), "cniVersion", json!(version));
                let configuration =
                    json!({"cniVersion": version, "name": "net", "prevResult": shape});
                let call = cni(lab, "ADD", "c", &configuration);
                assert_eq!(call.ok(), shape);
                call.clone().set("CNI_COMMAND", "DEL").ok();
                if version >= "0.4.0" {
                    call.set("CNI_COMMAND", "CHECK").ok();
                }
            }
        }
        for (shape, code) in [
            (json!("text"), 6),
            (json!([]), 6),
            (json!({"interfaces": {}}), 6),
            (json!({"interfaces": ["eth0"]}), 6),
            (json!({"ips": [{"address": "x"}]}), 6),
            (json!({"ips": [{}]}), 6),
            (json!({"routes": [{"dst": 1}]}), 6),
            (json!({"ip4": {}}), 6),
            (json!({"dns": 1}), 6),
        ] {
            let configuration = json!({"cniVersion": "1.0.0", "name": "net", "prevResult": shape});
            cni(lab, "ADD", "c", &configuration).fails(code);
        }
        lab.assert_same(&before, "afterwards");
    });
}

#[test]
fn a_result_of_another_version_is_converted() {
    lab(|lab| {
        lab.netns("c");
        for (from, into, expected) in [
            (
                json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1"}}),
                "1.0.0",
                json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}]}),
            ),
            (
                json!({"cniVersion": "1.0.0", "ips": [{"address": "fd00::2/64"}]}),
                "0.4.0",
                json!({"cniVersion": "0.4.0", "ips": [{"version": "6", "address": "fd00::2/64"}]}),
            ),
            (
                json!({"ips": [{"address": "10.0.0.2/24"}]}),
                "1.0.0",
                json!({"ips": [{"address": "10.0.0.2/24"}], "cniVersion": "1.0.0"}),
            ),
        ] {
            let configuration = json!({"cniVersion": into, "name": "net", "prevResult": from});
            assert_eq!(cni(lab, "ADD", "c", &configuration).ok(), expected);
        }
    });
}
