//! Topology mode: pods meet in any order, come back, and disagree.

use pinwire_support::call::Call;
use pinwire_support::inside::{answers, links, run};
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{cni, previous, topology, with};
use crate::lab::{Lab, lab};

/// Annotations of a node.
pub(crate) fn node(links: &str, forwarding: &str) -> Value {
    json!({
        "pinwire.dev/topology": "chain",
        "pinwire.dev/links": links,
        "pinwire.dev/forwarding": forwarding,
        "example.com/other": "x",
    })
}

/// A call for a pod whose container has the pod's name.
pub(crate) fn call(lab: &Lab<'_>, verb: &str, pod: &str, annotations: &Value) -> Call {
    let arguments =
        format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod};K8S_POD_UID=1");
    cni(lab, verb, pod, &topology("1.0.0", annotations)).set("CNI_ARGS", &arguments)
}

/// Three nodes in a line; `b` forwards, and each end has a route, a neighbour or a rule that goes with its link.
fn chain() -> [(&'static str, Value); 3] {
    [
        (
            "a",
            node(
                "- {interface: right, peer: b:left, addresses: [10.0.1.1/24, \"fd01::1/64\"]}\n",
                "plane: none\nroutes: [{to: 10.0.2.0/24, via: 10.0.1.2}, {to: \"fd02::/64\", via: \"fd01::2\"}]\n",
            ),
        ),
        (
            "b",
            node(
                "- {interface: left, peer: a:right, addresses: [10.0.1.2/24, \"fd01::2/64\"]}\n\
                 - {interface: right, peer: c:left, addresses: [10.0.2.1/24, \"fd02::1/64\"], mtu: 9000}\n",
                "neighbours: [{ip: 10.0.1.77, mac: \"02:00:00:00:00:77\", interface: left}]\n\
                 rules: [{priority: 100, table: 7, from: 10.9.0.0/16}]\n\
                 sysctls: {net.ipv4.conf.left.arp_ignore: 1}\n",
            ),
        ),
        (
            "c",
            node(
                "- {interface: left, peer: b:right, addresses: [10.0.2.2/24, \"fd02::2/64\"], mtu: 9000}\n",
                "plane: none\nroutes: [{to: 10.0.1.0/24, via: 10.0.2.1}, {to: \"fd01::/64\", via: \"fd02::1\"}]\n",
            ),
        ),
    ]
}

fn crosses(a: &Netns) {
    eventually("IPv4 crosses", || answers(a, "10.0.2.2"));
    eventually("IPv6 crosses", || answers(a, "fd02::2"));
}

#[test]
fn pods_meet_in_every_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        lab(move |lab| {
            let chain = chain();
            let netns = ["a", "b", "c"].map(|pod| lab.netns(pod));
            for position in order {
                let (pod, annotations) = &chain[position];
                call(lab, "ADD", pod, annotations).ok();
            }
            crosses(&netns[0]);
            assert_eq!(links(&netns[1]), ["left", "lo", "right"]);
            let neighbours = run(&netns[1], "ip neighbour show dev left");
            assert!(
                neighbours.contains("10.0.1.77 lladdr 02:00:00:00:00:77 PERMANENT"),
                "{neighbours}"
            );
            for (pod, annotations) in &chain {
                call(lab, "CHECK", pod, annotations).ok();
            }
            for (pod, annotations) in &chain {
                call(lab, "DEL", pod, annotations).ok();
            }
            for netns in &netns {
                assert_eq!(links(netns), ["lo"]);
            }
            assert_eq!(lab.state_files(), [""; 0]);
        });
    }
}

#[test]
fn a_pod_that_comes_back_is_wired_again() {
    lab(|lab| {
        let chain = chain();
        let [a, b, _c] = ["a", "b", "c"].map(|pod| lab.netns(pod));
        for (pod, annotations) in &chain {
            call(lab, "ADD", pod, annotations).ok();
        }
        // Orderly, without any DEL, and with a DEL that comes late.
        for way in ["del", "crash", "late"] {
            if way == "del" {
                call(lab, "DEL", "c", &chain[2].1).ok();
            }
            lab.remove("c");
            let mut new = call(lab, "ADD", "c", &chain[2].1);
            lab.netns("c");
            if way == "late" {
                new = new.set("CNI_CONTAINERID", "c-new");
            }
            if way == "crash" {
                // The runtime forgot the old container; its record is in nobody's way.
                new = new.set("CNI_CONTAINERID", "c-next");
            }
            new.ok();
            crosses(&a);
            if way != "del" {
                let old = if way == "crash" { "c" } else { "c-next" };
                call(lab, "DEL", "c", &chain[2].1)
                    .set("CNI_CONTAINERID", old)
                    .ok();
                crosses(&a);
            }
        }
        // The node in the middle: both neighbours lose addresses and routes, and get them back.
        call(lab, "DEL", "b", &chain[1].1).ok();
        assert_eq!(links(&a), ["lo"]);
        assert_eq!(links(&b), ["lo"]);
        call(lab, "ADD", "b", &chain[1].1).ok();
        crosses(&a);
        for (pod, id) in [("a", "a"), ("b", "b"), ("c", "c-new")] {
            let annotations = &chain.iter().find(|(name, _)| *name == pod).unwrap().1;
            call(lab, "DEL", pod, annotations)
                .set("CNI_CONTAINERID", id)
                .ok();
        }
    });
}

#[test]
fn what_exists_is_appended_to_the_result() {
    lab(|lab| {
        let chain = chain();
        let _ = ["a", "b"].map(|pod| lab.netns(pod));
        let before = with(previous("1.0.0"), "custom", json!({"kept": true}));
        let add = |pod: &str, annotations: &Value| {
            let configuration = with(topology("1.0.0", annotations), "prevResult", before.clone());
            call(lab, "ADD", pod, annotations)
                .input(configuration.to_string())
                .ok()
        };
        assert_eq!(add("a", &chain[0].1), before, "its peer is not there yet");
        let result = add("b", &chain[1].1);
        assert_eq!(result["custom"], before["custom"]);
        assert_eq!(
            result["ips"], before["ips"],
            "Kubernetes allows one address of each family"
        );
        let interfaces = result["interfaces"].as_array().unwrap();
        assert_eq!(interfaces.len(), 2);
        assert_eq!(interfaces[1]["name"], "left");
        assert_eq!(interfaces[1]["sandbox"], json!(lab.netns_path("b")));
        for version in ["0.2.0", "0.3.1", "1.1.0"] {
            call(lab, "DEL", "b", &chain[1].1).ok();
            let configuration = topology(version, &chain[1].1);
            let result = call(lab, "ADD", "b", &chain[1].1)
                .input(configuration.to_string())
                .ok();
            let interface = &result["interfaces"][1];
            assert_eq!(interface.get("mtu").is_some(), version == "1.1.0");
            assert_eq!(result["cniVersion"], version);
        }
        // As the only plugin of the network: the links' addresses are the pod's.
        call(lab, "DEL", "b", &chain[1].1).ok();
        let mut configuration = topology("1.0.0", &chain[1].1);
        configuration["prevResult"] = Value::Null;
        let result = call(lab, "ADD", "b", &chain[1].1)
            .input(configuration.to_string())
            .ok();
        assert_eq!(
            result["ips"][0],
            json!({"interface": 0, "address": "10.0.1.2/24"})
        );
        for (pod, annotations) in &chain[..2] {
            call(lab, "DEL", pod, annotations).ok();
        }
    });
}

#[test]
fn gc_and_sweep_know_pods() {
    lab(|lab| {
        let chain = chain();
        let [a, b, _] = ["a", "b", "c"].map(|pod| lab.netns(pod));
        for (pod, annotations) in &chain {
            call(lab, "ADD", pod, annotations).ok();
        }
        let valid =
            json!([{"containerID": "a", "ifname": "eth0"}, {"containerID": "c", "ifname": "eth0"}]);
        let gc = |valid: Value| {
            cni(
                lab,
                "GC",
                "",
                &json!({"cniVersion": "1.1.0", "name": "net", "cni.dev/valid-attachments": valid}),
            )
        };
        gc(valid).ok();
        assert_eq!(
            (links(&a), links(&b)),
            (vec!["lo".to_owned()], vec!["lo".to_owned()])
        );
        call(lab, "ADD", "b", &chain[1].1).ok();
        crosses(&a);
        // A runtime that sends no GC and lost its containers.
        let state = pinwire_wiring::ledger::State::at(lab.state());
        lab.remove("c");
        assert!(pinwire_cni::plugin::gc::sweep(&state).is_empty());
        assert_eq!(
            lab.state_files()
                .iter()
                .filter(|name| name.ends_with(".json"))
                .count(),
            2
        );
        gc(json!([])).ok();
    });
}
