//! The seed's topology: seven nodes over six wires of the cable, and a virtual function that leads out at each end.

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::host::{Host, host, manifest};

/// The virtual function of each end of the chain as `inspect` shows it: physical function, index, VLAN.
fn ends(host: &Host<'_>) -> Vec<[Value; 4]> {
    let view = host.json(&["inspect", "chain"]);
    let mut ends = Vec::new();
    for node in view["nodes"].as_array().unwrap() {
        for interface in node["interfaces"].as_array().unwrap() {
            let name = node["name"].as_str().unwrap();
            let title = format!("{name}:{}", interface["name"].as_str().unwrap());
            assert_eq!(interface["state"], "up", "{title}");
            let function = &interface["function"];
            let keys = ["physicalInterface", "index", "vlan"];
            let [physical, index, vlan] = keys.map(|key| function[key].clone());
            ends.push([json!(title), physical, index, vlan]);
        }
    }
    ends
}

/// What the chain is to have: wire i takes virtual function i of both cards and VLAN i + 1, and nodes take turns with the
/// cards, so that both directions of the cable carry every other hop.
fn expected(host: &Host<'_>) -> Vec<[Value; 4]> {
    let card = |node: usize| json!(host.machine.physical[1 - node % 2]);
    let mut ends = vec![[json!("h1:in"), card(1), json!(6), json!(null)]];
    for wire in 0..6 {
        let (one, other) = (wire + 1, wire + 2);
        let end = |title: String, node| [json!(title), card(node), json!(wire), json!(wire + 1)];
        ends.push(end(format!("h{one}:down"), one));
        ends.push(end(format!("h{other}:up"), other));
    }
    // The only one that is left.
    ends.push([json!("h7:out"), card(2), json!(6), json!(null)]);
    ends
}

#[test]
fn packets_cross_seven_containers_over_virtual_functions() {
    host(|host| {
        let chain = manifest("chain");
        let up = ["up", &chain[..], "--links", "vf"];
        let report = host.json(&up);
        let changes = &report["changes"];
        assert_eq!(changes["functionsAttached"], 14, "{report:#}");
        assert_eq!(changes["containersStarted"], 7, "{report:#}");
        assert_eq!(ends(host), expected(host));
        host.packets_cross_the_chain();
        // Nothing differs, and nothing is anybody's garbage.
        assert!(host.ok(&up).contains("nothing had to change"));
        assert!(host.ok(&["gc"]).contains("nothing was left behind"));
        broken_ends_are_repaired(host, &up);
        // The same topology of veth pairs, and back.
        let report = host.json(&["up", &chain]);
        assert_eq!(report["changes"]["functionsDetached"], 14, "{report:#}");
        host.machine
            .assert_restored("a topology that has become one of veth pairs");
        host.ok(&up);
        assert_eq!(ends(host), expected(host));
        host.packets_cross_the_chain();
        host.ok(&["down", "chain"]);
        host.machine.assert_restored("down");
    });
}

/// Whatever somebody changed behind its back, the next `up` leads back.
fn broken_ends_are_repaired(host: &Host<'_>, up: &[&str]) {
    let physical = &host.machine.physical[0];
    let path = host.machine.path("pinwire/topologies/chain/netns/h3");
    let in_h3 = |command: &str| {
        let (success, said) = inside::attempt(&Netns::open(&path).unwrap(), command);
        assert!(success, "{command}: {said}");
    };
    let breaks: [(&str, &dyn Fn()); 4] = [
        ("the VLAN", &|| {
            run(&format!("ip link set {physical} vf 2 vlan 77"));
        }),
        ("trust", &|| {
            run(&format!("ip link set {physical} vf 1 trust off"));
        }),
        ("the name", &|| {
            in_h3("ip link set dev down down");
            in_h3("ip link set dev down name other");
        }),
        ("the MTU", &|| in_h3("ip link set dev up mtu 1400")),
    ];
    for (name, change) in breaks {
        change();
        let report = host.json(up);
        assert_eq!(
            report["changes"]["functionsAttached"], 1,
            "{name}: {report:#}"
        );
        assert_eq!(report["changes"]["nodesCreated"], 0, "{name}: {report:#}");
        assert_eq!(ends(host), expected(host), "{name}");
    }
    host.packets_cross_the_chain();
}
