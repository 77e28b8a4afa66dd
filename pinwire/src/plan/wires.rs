//! Which of a topology's links are veth pairs, and their ends. Pure.

use std::collections::HashMap;

use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::name::NodeName;
use pinwire_wiring::wire;
use pinwire_wiring::wire::{Place, Wire};

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
    let end = |node: &NodeName, link: &Link| {
        let place = Place::Netns(paths.namespace(node));
        wire::node_end(&topology.name, node, link, place, None)
    };
    ends()
        .filter_map(|(node, link)| {
            let peer = link.peer.as_ref()?;
            let far = match peer {
                Peer::Host(interface) => wire::host_end(&topology.name, interface),
                Peer::Node {
                    node: other,
                    interface,
                } => {
                    let far = links.get(&(other, interface))?;
                    if (other, interface) < (node, &link.interface) {
                        return None;
                    }
                    end(other, far)
                }
            };
            Some(Wire {
                group: wire::group(&topology.name, node, link, peer),
                mtu: default::mtu(link),
                ends: [end(node, link), far],
            })
        })
        .collect()
}
