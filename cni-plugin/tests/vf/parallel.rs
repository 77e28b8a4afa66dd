//! Many containers at once, and more than there are virtual functions.

use std::collections::HashSet;

use pinwire_support::call::{Reply, Started};
use serde_json::{Value, json};

use crate::call::{cni, configuration};
use crate::machine::{FUNCTIONS, functions, machine};

const ROUNDS: usize = 20;

fn pooled(name: &str) -> Value {
    configuration(&json!({
        "pools": {"all": {"physicalFunctions": [name]}},
        "vf": {"pool": "all", "vlan": 50, "trust": true},
    }))
}

#[test]
fn all_virtual_functions_of_a_card_at_once() {
    machine(|machine| {
        let asked = pooled(&machine.physical[0]);
        let containers: Vec<String> = (0..FUNCTIONS).map(|number| format!("c{number}")).collect();
        for container in &containers {
            machine.netns(container);
        }
        let all = |verb: &str| -> Vec<Reply> {
            let calls = containers
                .iter()
                .map(|container| cni(machine, verb, container, &asked));
            let started: Vec<_> = calls.map(|call| call.start()).collect();
            started.into_iter().map(Started::wait).collect()
        };
        for round in 0..ROUNDS {
            let replies = all("ADD");
            let devices: HashSet<String> = replies
                .iter()
                .map(|reply| {
                    assert!(reply.code == Some(0), "round {round}: {reply:?}");
                    reply.value()["interfaces"][0]["pciID"].to_string()
                })
                .collect();
            assert_eq!(devices.len(), FUNCTIONS as usize, "round {round}");
            for reply in all("DEL") {
                assert!(reply.code == Some(0), "round {round}: {reply:?}");
            }
            machine.assert_restored(&format!("round {round}"));
            assert_eq!(machine.state_files().len(), 0, "round {round}");
        }
    });
}

#[test]
fn an_exhausted_pool_says_who_has_what() {
    machine(|machine| {
        let name = &machine.physical[0];
        let asked = configuration(&json!({
            "pools": {"two": {"physicalFunctions": [name], "indices": "0-1"}},
            "vf": {"pool": "two"},
        }));
        let add = |container: &str| {
            cni(machine, "ADD", container, &asked).set(
                "CNI_ARGS",
                &format!("K8S_POD_NAMESPACE=lab;K8S_POD_NAME=pod-{container}"),
            )
        };
        for container in ["a", "b", "c"] {
            machine.netns(container);
        }
        add("a").ok();
        add("b").ok();
        let error = add("c").fails(11);
        let [one, other] = [0, 1].map(|index| functions(0)[index].address);
        assert_eq!(
            error.trim(),
            format!(
                "the pool `two` is exhausted: {one} is held by `net1` of pod lab/pod-a, {other} is held by `net1` of pod lab/pod-b"
            )
        );
        // One that is named and held.
        let held = configuration(&json!({"deviceID": one}));
        let error = cni(machine, "ADD", "c", &held).fails(11);
        assert!(
            error.contains("is held by `net1` of pod lab/pod-a"),
            "{error}"
        );
        cni(machine, "DEL", "a", &asked).ok();
        add("c").ok();
        for container in ["b", "c"] {
            cni(machine, "DEL", container, &asked).ok();
        }
    });
}
