//! Wires of topologies over the cable: pods in any order, one VLAN a wire, the same index at both ends.

use pinwire_support::inside;
use serde_json::{Value, json};

use crate::attributes::attributes;
use crate::call::{cni, configuration};
use crate::machine::{Machine, functions, link, machine};

/// The nodes of a line, `h1` to `hN`, over the cable.
pub(crate) fn line(machine: &Machine, count: usize) -> Vec<(String, Value)> {
    let node = |number: usize| {
        let mut links = Vec::new();
        let vf = "type: vf, vf: {pool: cable}";
        if number > 1 {
            let (up, peer) = (number - 1, number - 1);
            links.push(format!(
                "- {{interface: up, peer: 'h{peer}:down', addresses: [10.0.{up}.2/24], {vf}}}"
            ));
        }
        if number < count {
            let peer = number + 1;
            links.push(format!(
                "- {{interface: down, peer: 'h{peer}:up', addresses: [10.0.{number}.1/24], {vf}}}"
            ));
        }
        let asked = pod(machine, &format!("h{number}"), &links.join("\n"));
        (format!("h{number}"), asked)
    };
    (1..=count).map(node).collect()
}

/// The configuration of a pod of the topology `line`.
pub(crate) fn pod(machine: &Machine, name: &str, links: &str) -> Value {
    configuration(&json!({
        "pools": {
            "cable": {"cable": machine.physical},
            "one": {"physicalFunctions": [machine.physical[0]], "firstVlan": 200},
        },
        "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {
            "pinwire.dev/topology": "line",
            "pinwire.dev/node": name,
            "pinwire.dev/links": links,
        }},
    }))
}

/// Attaches a pod in a namespace of its own.
pub(crate) fn attach(machine: &Machine, (name, asked): &(String, Value)) -> Value {
    machine.netns(name);
    cni(machine, "ADD", name, asked).ok()
}

fn detach(machine: &Machine, (name, asked): &(String, Value)) {
    cni(machine, "DEL", name, asked).ok();
    machine.remove(name);
}

#[test]
fn a_line_in_any_order() {
    machine(|machine| {
        let nodes = line(machine, 4);
        for order in [[0, 1, 2, 3], [3, 1, 0, 2]] {
            for position in order {
                attach(machine, &nodes[position]);
            }
            let first =
                pinwire_wiring::kernel::netns::Netns::open(&machine.netns_path("h1")).unwrap();
            let third =
                pinwire_wiring::kernel::netns::Netns::open(&machine.netns_path("h3")).unwrap();
            inside::run(&first, "ping -c1 -W5 -q 10.0.1.2");
            inside::run(&third, "ping -c1 -W5 -q 10.0.3.2");
            inside::run(&third, "ping -c1 -W5 -q 10.0.2.1");
            // Both ends of a wire have the same index and VLAN, and no other wire has.
            let vlans = |card: usize| {
                let list = link(&machine.physical[card])["vfinfo_list"].clone();
                let vlans = list.as_array().unwrap().iter();
                let vlans = vlans.map(|one| one["vlan_list"][0]["vlan"].as_u64().unwrap_or(0));
                vlans.collect::<Vec<_>>()
            };
            assert_eq!(vlans(0), vlans(1));
            assert_eq!(vlans(0), [1, 2, 3, 0, 0, 0, 0]);
            for position in order {
                detach(machine, &nodes[position]);
            }
            machine.assert_restored("all pods are gone");
            assert_eq!(machine.state_files().len(), 0);
        }
    });
}

#[test]
fn a_node_keeps_to_one_side_of_the_cable() {
    machine(|machine| {
        let nodes = line(machine, 4);
        let sides: Vec<Vec<bool>> = nodes
            .iter()
            .map(|node| {
                let result = attach(machine, node);
                let interfaces = result["interfaces"].as_array().unwrap().clone();
                let first = |interface: &Value| {
                    let device = interface["pciID"].as_str().unwrap();
                    functions(0)
                        .iter()
                        .any(|one| one.address.to_string() == device)
                };
                interfaces.iter().map(first).collect()
            })
            .collect();
        assert_eq!(
            sides,
            [
                vec![true],
                vec![false, false],
                vec![true, true],
                vec![false]
            ]
        );
        for node in &nodes {
            detach(machine, node);
        }
    });
}

#[test]
fn a_pod_that_comes_back_has_the_same_virtual_function() {
    machine(|machine| {
        let nodes = line(machine, 2);
        attach(machine, &nodes[0]);
        let before = attach(machine, &nodes[1]);
        detach(machine, &nodes[1]);
        // Meanwhile its virtual function is kept for it.
        let index = 0;
        let single = configuration(&json!({"deviceID": functions(1)[index].address}));
        machine.netns("stranger");
        let error = cni(machine, "ADD", "stranger", &single).fails(11);
        assert!(
            error.contains("is held by h2:up, the other end of `down` of pod"),
            "{error}"
        );
        let after = attach(machine, &nodes[1]);
        assert_eq!(before["interfaces"], after["interfaces"]);
        let netns = pinwire_wiring::kernel::netns::Netns::open(&machine.netns_path("h2")).unwrap();
        inside::run(&netns, "ping -c1 -W5 -q 10.0.1.1");
        drop(netns);
        for node in &nodes {
            detach(machine, node);
        }
    });
}

#[test]
fn killed_while_a_node_is_attached() {
    machine(|machine| {
        let nodes = line(machine, 3);
        attach(machine, &nodes[0]);
        let (name, asked) = &nodes[1];
        let mut steps = 1;
        loop {
            machine.netns(name);
            let add = cni(machine, "ADD", name, asked);
            let reply = add.set("PINWIRE_FAULT_STEP", &steps.to_string()).run();
            machine.remove(name);
            // The runtime starts the pod anew, in another namespace, and deletes what it had before later.
            machine.netns("again");
            let again = cni(machine, "ADD", "again", asked);
            let result = again.ok();
            assert_eq!(
                result["interfaces"].as_array().unwrap().len(),
                2,
                "step {steps}"
            );
            cni(machine, "DEL", name, asked).set("CNI_NETNS", "").ok();
            let netns =
                pinwire_wiring::kernel::netns::Netns::open(&machine.netns_path("again")).unwrap();
            inside::run(&netns, "ping -c1 -W5 -q 10.0.1.1");
            drop(netns);
            cni(machine, "DEL", "again", asked).ok();
            machine.remove("again");
            if reply.signal.is_none() {
                break;
            }
            // Each step of one virtual function was killed in `recovery`.
            steps += 4;
        }
        assert!(steps > 20, "only {steps} steps");
        detach(machine, &nodes[0]);
    });
}

#[test]
fn within_one_physical_function() {
    machine(|machine| {
        let vf = "type: vf, vf: {pool: one}";
        let nodes = [
            (
                "a",
                format!("- {{interface: x, peer: 'b:y', addresses: [10.7.0.1/24], {vf}}}"),
            ),
            (
                "b",
                format!("- {{interface: y, peer: 'a:x', addresses: [10.7.0.2/24], {vf}}}"),
            ),
        ];
        let nodes = nodes.map(|(name, links)| (name.to_owned(), pod(machine, name, &links)));
        for node in &nodes {
            attach(machine, node);
        }
        for index in [0, 1] {
            let seen = attributes(machine, index);
            assert_eq!(seen["vlan_list"][0]["vlan"], 200, "{seen}");
        }
        let netns = pinwire_wiring::kernel::netns::Netns::open(&machine.netns_path("a")).unwrap();
        assert!(inside::attempt(&netns, "ip link show x").0);
        drop(netns);
        for node in &nodes {
            detach(machine, node);
        }
    });
}

#[test]
fn ends_that_disagree() {
    machine(|machine| {
        let link = |interface: &str, peer: &str, vf: &str| {
            format!(
                "- {{interface: {interface}, peer: '{peer}', type: vf, vf: {{pool: cable{vf}}}}}"
            )
        };
        machine.netns("a");
        machine.netns("b");
        let one = pod(machine, "a", &link("x", "b:y", ", index: 3"));
        cni(machine, "ADD", "a", &one).ok();
        let other = pod(machine, "b", &link("y", "a:x", ", index: 4"));
        let error = cni(machine, "ADD", "b", &other).fails(103);
        assert!(error.contains("different `vf.index`, 3 and 4"), "{error}");
        let other = pod(machine, "b", &link("y", "a:x", ", index: 3"));
        let result = cni(machine, "ADD", "b", &other).ok();
        assert_eq!(
            result["interfaces"][0]["pciID"],
            functions(1)[3].address.to_string()
        );
        // A wire's VLAN is nobody else's.
        let third = pod(machine, "c", &link("z", "d:z", ", vlan: 4"));
        machine.netns("c");
        let error = cni(machine, "ADD", "c", &third).fails(109);
        assert!(
            error.contains("VLAN 4 on the pool `cable` is taken by"),
            "{error}"
        );
        for (container, asked) in [("a", &one), ("b", &other)] {
            cni(machine, "DEL", container, asked).ok();
        }
    });
}
