//! Topology mode: what pods cannot have, alone or together.

use pinwire_support::inside::links;
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::json;

use crate::lab::lab;
use crate::topology::{call, node};

#[test]
fn pods_that_disagree_are_both_named() {
    let a = "- {interface: x, peer: b:y, addresses: [10.0.0.1/24]}";
    for (name, first, second, holds) in [
        (
            "no such interface",
            a,
            "- {interface: z, peer: c:x}",
            "no interface `y`",
        ),
        ("no links", a, "", "no interface `y`"),
        (
            "another peer",
            a,
            "- {interface: y, peer: c:x}",
            "which names `c:x`",
        ),
        (
            "another end",
            a,
            "- {interface: y, peer: a:w}",
            "which names `a:w`",
        ),
        (
            "the MTU",
            a,
            "- {interface: y, peer: a:x, mtu: 9000}",
            "different MTUs, 1500 and 9000 bytes",
        ),
        (
            "an address",
            a,
            "- {interface: y, peer: a:x, addresses: [10.0.0.1/30]}",
            "10.0.0.1",
        ),
        (
            "a MAC address",
            "- {interface: x, peer: b:y, mac: \"02:00:00:00:00:01\"}",
            "- {interface: y, peer: a:x, mac: \"02:00:00:00:00:01\"}",
            "02:00:00:00:00:01",
        ),
    ] {
        // Whoever comes second is told, from whichever side the disagreement is seen.
        for swapped in [false, true] {
            lab(move |lab| {
                let _ = ["a", "b"].map(|pod| lab.netns(pod));
                let mut pods = [("a", node(first, "")), ("b", node(second, ""))];
                if swapped {
                    pods.reverse();
                }
                call(lab, "ADD", pods[0].0, &pods[0].1).ok();
                let before = lab.snapshot();
                let message = call(lab, "ADD", pods[1].0, &pods[1].1).fails(103);
                for text in ["`a`", "`b`", "default/a", "default/b", "`chain`"] {
                    assert!(message.contains(text), "{name}: {message}");
                }
                assert!(swapped || message.contains(holds), "{name}: {message}");
                lab.assert_same(&before, name);
                call(lab, "DEL", pods[0].0, &pods[0].1).ok();
            });
        }
    }
}

#[test]
fn what_two_pods_cannot_both_have() {
    lab(|lab| {
        let _ = ["a", "b", "c"].map(|pod| lab.netns(pod));
        let a = node(
            "- {interface: x, peer: c:y}\n- {interface: h, peer: host:pw-in}",
            "",
        );
        call(lab, "ADD", "a", &a).ok();
        let before = lab.snapshot();
        let message = call(lab, "ADD", "b", &node("- {interface: x, peer: c:y}", "")).fails(103);
        assert!(message.contains("both have a link to `c:y`"), "{message}");
        let message = call(
            lab,
            "ADD",
            "b",
            &node("- {interface: x, peer: \"host:pw-in\"}", ""),
        )
        .fails(103);
        assert!(
            message.contains("both have a link to `host:pw-in`"),
            "{message}"
        );
        // A wire of virtual functions of which one end names no peer would be attached twice.
        let message = call(lab, "ADD", "c", &node("- {interface: y, type: vf}", "")).fails(103);
        assert!(message.contains("which names no peer"), "{message}");
        let mut same = a.clone();
        same["pinwire.dev/node"] = json!("a");
        let message = call(lab, "ADD", "b", &same).fails(11);
        assert!(message.contains("is still pod default/a"), "{message}");
        lab.assert_same(&before, "afterwards");
        // The other topology's host interface of the same name.
        let mut other = node("- {interface: x, peer: \"host:pw-in\"}", "");
        other["pinwire.dev/topology"] = json!("other");
        assert!(
            call(lab, "ADD", "b", &other)
                .fails(101)
                .contains("not Pinwire's")
        );
        lab.assert_same(&before, "afterwards");
        // Once the first is gone, even without a DEL, the second has it.
        lab.remove("a");
        call(lab, "ADD", "b", &same).ok();
        call(lab, "DEL", "a", &a).ok();
        eventually("the host's end", || {
            links(&Netns::current().unwrap()) == ["lo", "pw-in"]
        });
        call(lab, "DEL", "b", &same).ok();
    });
}

#[test]
fn broken_annotations() {
    lab(|lab| {
        lab.netns("a");
        for (annotation, value, code, holds) in [
            (
                "pinwire.dev/links",
                "- {interface: x, peers: b:y}",
                104,
                "unknown field",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x}",
                104,
                "has no `peer`",
            ),
            ("pinwire.dev/links", "- {peer: b:y}", 104, "interface"),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b}",
                104,
                "NODE:INTERFACE",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: a:y}",
                104,
                "its own node",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y}\n- {interface: x, peer: c:y}",
                104,
                "at `pinwire.dev/links[1].interface`: the node `a` has two interfaces `x`",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, mtu: 10}",
                104,
                "10 is not between 68 and 65535",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, mtu: 1000, addresses: [\"fd00::1/64\"]}",
                104,
                "carries no IPv6",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, type: vf}",
                104,
                "no pool of virtual functions is defined",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, vf: {pool: cable}}",
                104,
                "not of type `vf`",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: host:y, type: vf, vf: {pool: cable}}",
                104,
                "cannot end at an interface of this host",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, type: vf, vf: {pool: cable, vlan: 0}}",
                104,
                "without a VLAN",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, type: vf, vf: {pool: edge, vlan: 4095}}",
                104,
                "`vf.vlan`: 4095 is not between 0 and 4094",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, type: vf, vf: {pool: edge, minTxRate: 9, maxTxRate: 8}}",
                104,
                "9 Mbit/s is more than `maxTxRate`, 8",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, type: vf, vf: {pool: edge}}",
                104,
                "no pool of virtual functions is defined",
            ),
            (
                "pinwire.dev/links",
                "- {interface: x, peer: b:y, hostAddresses: [10.0.0.1/24]}",
                104,
                "need a peer `host:NAME`",
            ),
            (
                "pinwire.dev/links",
                "- {interface: abcdefghijklmnop, peer: b:y}",
                104,
                "16 bytes",
            ),
            ("pinwire.dev/links", "{", 104, "pinwire.dev/links"),
            ("pinwire.dev/links", "a: &a [*a]", 104, "pinwire.dev/links"),
            ("pinwire.dev/links", "text", 104, "pinwire.dev/links"),
            ("pinwire.dev/forwarding", "plane: warp", 104, "warp"),
            (
                "pinwire.dev/forwarding",
                "plane: mirror",
                104,
                "two interfaces",
            ),
            (
                "pinwire.dev/forwarding",
                "routes: [{to: 10.0.0.0/8}]",
                104,
                "leads nowhere",
            ),
            (
                "pinwire.dev/forwarding",
                "sysctls: {kernel.hostname: x}",
                104,
                "kernel.hostname",
            ),
            ("pinwire.dev/topology", "No Topology", 104, "DNS label"),
            ("pinwire.dev/node", "host", 104, "cannot be named `host`"),
            ("pinwire.dev/node", "A", 104, "DNS label"),
            ("pinwire.dev/linkz", "", 104, "pinwire.dev/linkz"),
            (
                "pinwire.dev/isolation",
                "cpus: \"1\"",
                104,
                "not supported by this version",
            ),
        ] {
            let mut annotations = node("- {interface: x, peer: b:y}", "");
            annotations[annotation] = json!(value);
            let message = call(lab, "ADD", "a", &annotations).fails(code);
            assert!(message.contains(holds), "{annotation}: {value}: {message}");
            assert!(message.contains("default/a"), "{message}");
        }
        let no_topology = json!({"pinwire.dev/links": "[]"});
        assert!(
            call(lab, "ADD", "a", &no_topology)
                .fails(104)
                .contains("not `pinwire.dev/topology`")
        );
        let unnamed = call(lab, "ADD", "a", &node("", "")).unset("CNI_ARGS");
        assert!(unnamed.fails(104).contains("K8S_POD_NAME"));
        // What the kernel refuses.
        let unreachable = node(
            "- {interface: x, peer: host:pw-x}",
            "routes: [{to: 10.0.0.0/8, via: 192.0.2.1, interface: x}]",
        );
        let message = call(lab, "ADD", "a", &unreachable).fails(102);
        assert!(
            message.contains("node `a`") && message.contains("Nexthop has invalid gateway"),
            "{message}"
        );
        assert_eq!(links(&Netns::current().unwrap()), ["lo"]);
        assert_eq!(lab.state_files(), [""; 0]);
    });
}
