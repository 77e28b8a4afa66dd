//! Which of a topology's links are veth pairs, and their ends. Pure.

use std::collections::HashMap;

use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::identity;
use pinwire_wiring::identity::HOST;
use pinwire_wiring::name::{InterfaceName, NodeName, TopologyName};
use pinwire_wiring::wire::{DEFAULT_MTU, Place, Wire, WireEnd};

use super::mac;
use crate::paths::TopologyPaths;
use crate::topology::Topology;

/// The wires of a topology. Each link between nodes is listed by both; the end that sorts first makes the wire.
pub(super) fn wires(topology: &Topology, paths: &TopologyPaths) -> Vec<Wire> {
    let ends = || {
        let nodes = topology.nodes.iter();
        nodes
            .flat_map(|node| node.links.iter().map(move |link| (&node.name, link)))
            .filter(|(_, link)| link.kind == LinkType::Veth)
    };
    let links: HashMap<_, _> = ends()
        .map(|(node, link)| ((node, &link.interface), link))
        .collect();
    ends()
        .filter_map(|(node, link)| {
            let far = match link.peer.as_ref()? {
                Peer::Host(interface) => host_end(&topology.name, interface),
                Peer::Node {
                    node: other,
                    interface,
                } => {
                    let peer = links.get(&(other, interface))?;
                    if (other, interface) < (node, &link.interface) {
                        return None;
                    }
                    node_end(&topology.name, paths, other, peer)
                }
            };
            Some(wire(
                topology,
                link,
                node_end(&topology.name, paths, node, link),
                far,
                node,
            ))
        })
        .collect()
}

fn wire(topology: &Topology, link: &Link, near: WireEnd, far: WireEnd, node: &NodeName) -> Wire {
    let other = match &link.peer {
        Some(Peer::Node { node, .. }) => node.as_str(),
        Some(Peer::Host(_)) | None => HOST,
    };
    Wire {
        group: identity::group(
            &topology.name,
            (node.as_str(), &near.interface),
            (other, &far.interface),
        ),
        mtu: link.mtu.unwrap_or(DEFAULT_MTU),
        ends: [near, far],
    }
}

fn node_end(
    topology: &TopologyName,
    paths: &TopologyPaths,
    node: &NodeName,
    link: &Link,
) -> WireEnd {
    WireEnd {
        place: Place::Netns(paths.namespace(node)),
        interface: link.interface.clone(),
        mac: mac(topology, node, link),
        altname: identity::altname(topology, (node.as_str(), &link.interface)),
        group: None,
        tuning: Box::new(link.tuning.clone().unwrap_or_default()),
    }
}

/// The host's end of a wire. `host` is reserved as a node's name, so its identity cannot clash with a node's.
fn host_end(topology: &TopologyName, interface: &InterfaceName) -> WireEnd {
    WireEnd {
        place: Place::Host,
        interface: interface.clone(),
        mac: identity::mac(topology, (HOST, interface)),
        altname: identity::altname(topology, (HOST, interface)),
        group: None,
        tuning: Box::default(),
    }
}
