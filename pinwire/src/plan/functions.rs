//! Which of a topology's links are virtual functions, and which pool each is from. Pure; which virtual function each gets is
//! found out when it is attached.

use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::rule::default::NoPool;
use pinwire_wiring::annotation::{Link, LinkType, Peer, Pools};
use pinwire_wiring::identity;
use pinwire_wiring::name::{InterfaceName, NodeName};

use super::DeployError;
use crate::paths::TopologyPaths;
use crate::topology::{Node, Topology};

/// The ends of all links that are virtual functions: wires first, both ends of each together, in the order of the manifest,
/// so that they get the same indices at both ends of a cable; then those that lead out of this host, which can be any.
///
/// # Errors
/// [`DeployError::Pool`].
pub(super) fn ends(
    topology: &Topology,
    paths: &TopologyPaths,
    pools: &Pools,
) -> Result<Vec<VfEnd>, DeployError> {
    let (mut wires, mut singles) = (Vec::new(), Vec::new());
    let plan = |node: &Node, link: &Link| end(topology, paths, pools, node, link);
    for node in &topology.nodes {
        let links = node.links.iter();
        for link in links.filter(|link| link.kind == LinkType::Vf) {
            match far(topology, link) {
                None => singles.push(plan(node, link)?),
                Some((other, peer)) if is_first(topology, node, other) => {
                    wires.extend([plan(node, link)?, plan(other, peer)?]);
                }
                // Its other end has brought it along.
                Some(_) => {}
            }
        }
    }
    wires.extend(singles);
    Ok(wires)
}

/// The other end of a wire.
fn far<'a>(topology: &'a Topology, link: &Link) -> Option<(&'a Node, &'a Link)> {
    let Some(Peer::Node { node, interface }) = &link.peer else {
        return None;
    };
    let node = topology.node(node.as_str())?;
    let mut links = node.links.iter();
    Some((node, links.find(|link| link.interface == *interface)?))
}

/// Whether a node comes before another one in the manifest.
fn is_first(topology: &Topology, node: &Node, other: &Node) -> bool {
    let mut names = topology.nodes.iter().map(|node| &node.name);
    let first = names.find(|name| **name == node.name || **name == other.name);
    first == Some(&node.name)
}

fn end(
    topology: &Topology,
    paths: &TopologyPaths,
    pools: &Pools,
    node: &Node,
    link: &Link,
) -> Result<VfEnd, DeployError> {
    let (options, members) = default::function(link, node.forwarding.plane, pools)
        .map_err(|source| no_pool(node, link, source))?;
    Ok(VfEnd {
        topology: topology.name.clone(),
        node: node.name.clone(),
        interface: link.interface.clone(),
        peer: peer(link),
        netns: paths.namespace(&node.name),
        mac: default::mac(&topology.name, &node.name, link),
        mtu: default::mtu(link),
        altname: identity::altname(&topology.name, (node.name.as_str(), &link.interface)),
        pool: options.pool.clone().unwrap_or_default(),
        members: members.clone(),
        options,
        tuning: link.tuning.clone().unwrap_or_default(),
    })
}

fn peer(link: &Link) -> Option<(NodeName, InterfaceName)> {
    match &link.peer {
        Some(Peer::Node { node, interface }) => Some((node.clone(), interface.clone())),
        Some(Peer::Host(_)) | None => None,
    }
}

fn no_pool(node: &Node, link: &Link, source: NoPool) -> DeployError {
    DeployError::Pool {
        node: node.name.clone(),
        interface: link.interface.clone(),
        source,
    }
}
