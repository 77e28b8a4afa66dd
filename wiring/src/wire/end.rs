//! The end of a link as the end of a wire: what it is known by follows from the topology, the node and the link alone. Pure.

use super::{Place, WireEnd};
use crate::annotation::rule::default;
use crate::annotation::{Link, Peer};
use crate::identity;
use crate::identity::HOST;
use crate::name::{InterfaceName, NodeName, TopologyName};

/// The end in the node itself, which is at `place`.
pub fn node_end(
    topology: &TopologyName,
    node: &NodeName,
    link: &Link,
    place: Place,
    group: Option<u32>,
) -> WireEnd {
    WireEnd {
        place,
        interface: link.interface.clone(),
        mac: default::mac(topology, node, link),
        altname: identity::altname(topology, (node.as_str(), &link.interface)),
        group,
        tuning: Box::new(link.tuning.clone().unwrap_or_default()),
    }
}

/// The end on the host. [`HOST`] is reserved as a node's name, so its identity cannot clash with a node's.
pub fn host_end(topology: &TopologyName, interface: &InterfaceName) -> WireEnd {
    WireEnd {
        place: Place::Host,
        interface: interface.clone(),
        mac: identity::mac(topology, (HOST, interface)),
        altname: identity::altname(topology, (HOST, interface)),
        group: None,
        tuning: Box::default(),
    }
}

/// The number of the wire between a link of a node and its peer.
pub fn group(topology: &TopologyName, node: &NodeName, link: &Link, peer: &Peer) -> u32 {
    let far = match peer {
        Peer::Node { node, interface } => (node.as_str(), interface),
        Peer::Host(interface) => (HOST, interface),
    };
    identity::group(topology, (node.as_str(), &link.interface), far)
}
