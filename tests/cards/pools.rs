//! Pools and what is asked of them: what is set is set, and what cannot be had is refused with nothing changed.

use serde_json::json;

use crate::host::{host, manifest};
use crate::machine::link;

#[test]
fn each_end_gets_what_its_manifest_says() {
    host(|host| {
        host.ok(&["up", &host.path("pair.yaml")]);
        let physical = &host.machine.physical;
        let told = |card: usize, index: usize| link(&physical[card])["vfinfo_list"][index].clone();
        let (wire, out) = (told(0, 0), told(0, 1));
        assert_eq!(wire["vlan_list"][0]["vlan"], 1, "{wire:#}");
        assert_eq!(wire["rate"]["max_tx"], 100, "{wire:#}");
        assert_eq!(wire["trust"], true, "{wire:#}");
        assert_eq!(wire["spoofchk"], false, "{wire:#}");
        assert_eq!(out["vlan_list"][0]["vlan"], 7, "{out:#}");
        assert_eq!(out["spoofchk"], true, "{out:#}");
        let view = host.json(&["inspect", "pair"]);
        let interfaces = &view["nodes"][0]["interfaces"];
        assert_eq!(interfaces[0]["peer"], "b:wire");
        assert_eq!(interfaces[1]["peer"], "outside");
        assert_eq!(interfaces[1]["mtu"], 1400);
        assert_eq!(interfaces[1]["function"]["vlan"], 7);
        assert_eq!(interfaces[1]["mac"], out["address"]);
        host.ok(&[
            "exec",
            "pair/a",
            "--",
            "pinwire-node",
            "ping",
            "-c",
            "3",
            "-W",
            "5",
            "10.0.0.2",
        ]);
        host.ok(&["down", "pair"]);
    });
}

#[test]
fn what_cannot_be_had_is_refused_and_undone() {
    host(|host| {
        host.ok(&["up", &host.path("pair.yaml"), "--nodes", "namespace"]);
        let before = host.json(&["vf", "list"]);
        let chain = manifest("chain");
        let error = host.fails(&["up", &chain, "--links", "vf", "--nodes", "namespace"]);
        assert!(error.contains("the pool `cable` is exhausted"), "{error}");
        assert!(
            error.contains("is held by `wire` of node a of topology pair"),
            "{error}"
        );
        assert_eq!(host.json(&["vf", "list"]), before);
        let pools = ["--pools", &host.path("none.yaml")];
        let up = ["up", &chain, "--links", "vf", "--name", "two"];
        let (code, said) = host.run(&[&up[..], &pools].concat());
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("none.yaml"), "{said}");
        assert_eq!(host.json(&["list"]).as_array().unwrap().len(), 1);
        host.ok(&["down", "pair"]);
    });
}

#[test]
fn a_failed_change_leads_back_to_what_was() {
    host(|host| {
        let pair = host.path("pair.yaml");
        host.ok(&["up", &pair, "--nodes", "namespace"]);
        let before = host.json(&["vf", "list"]);
        let text = std::fs::read_to_string(&pair).unwrap();
        // The wire's rate is changed, and then the other one asks for an index that no card has.
        let changed = text
            .replace("maxTxRate: 100", "maxTxRate: 50")
            .replace("vlan: 7", "vlan: 7, index: 40");
        std::fs::write(&pair, changed).unwrap();
        let error = host.fails(&["up", &pair, "--nodes", "namespace"]);
        assert!(
            error.contains("the pool `cable` has no virtual function 40"),
            "{error}"
        );
        assert!(
            error.contains("everything that was changed is undone"),
            "{error}"
        );
        assert_eq!(host.json(&["vf", "list"]), before);
        let changed = text.replace("maxTxRate: 100", "maxTxRate: 50");
        std::fs::write(&pair, changed).unwrap();
        let report = host.json(&["up", &pair, "--nodes", "namespace"]);
        assert_eq!(report["changes"]["functionsAttached"], 1, "{report:#}");
        let rate = &host.json(&["vf", "list"])[0]["virtualFunctions"][0]["attributes"]["rate"];
        assert_eq!(*rate, json!({"min": 0, "max": 50}));
        host.ok(&["down", "pair"]);
    });
}
