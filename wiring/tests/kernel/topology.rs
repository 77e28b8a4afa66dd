//! Short ways to write wires and links in tests.

use pinwire_support::sandbox::Sandbox;
use pinwire_wiring::annotation::{Forwarding, Link};
use pinwire_wiring::identity;
use pinwire_wiring::identity::HOST;
use pinwire_wiring::name::{InterfaceName, TopologyName};
use pinwire_wiring::wire::{Place, Wire, WireEnd};
use serde_json::{Value, json};

/// The name of the tests' topology.
pub(crate) fn topology() -> TopologyName {
    "kernel-test".parse().unwrap()
}

/// The place of a node.
pub(crate) fn place(sandbox: &Sandbox, node: &str) -> Place {
    Place::Netns(sandbox.netns_path(node))
}

/// A wire between two ends, each `NODE:INTERFACE` or `host:NAME`.
pub(crate) fn wire(sandbox: &Sandbox, one: &str, other: &str) -> Wire {
    let split = |end: &str| -> (String, InterfaceName) {
        let (node, interface) = end.split_once(':').unwrap();
        (node.to_owned(), interface.parse().unwrap())
    };
    let ends = [split(one), split(other)];
    let [one, other] = ends
        .each_ref()
        .map(|(node, interface)| (node.as_str(), interface));
    let end = |end: (&str, &InterfaceName)| WireEnd {
        place: if end.0 == HOST {
            Place::Host
        } else {
            place(sandbox, end.0)
        },
        interface: end.1.clone(),
        mac: identity::mac(&topology(), end),
        altname: identity::altname(&topology(), end),
        group: None,
        tuning: Box::default(),
    };
    Wire {
        group: identity::group(&topology(), one, other),
        mtu: 1400,
        ends: [end(one), end(other)],
    }
}

/// Ends of links, as a manifest lists them.
pub(crate) fn links(value: Value) -> Vec<Link> {
    serde_json::from_value(value).unwrap()
}

/// The forwarding of a node, as a manifest has it.
pub(crate) fn forwarding(value: Value) -> Forwarding {
    serde_json::from_value(value).unwrap()
}

/// A node that forwards nothing.
pub(crate) fn no_forwarding() -> Forwarding {
    forwarding(json!({"plane": "none"}))
}
