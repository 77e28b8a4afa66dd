//! Which of a topology's links are virtual functions, and which pool each is from. Pure; which virtual function each gets is
//! found out when it is attached.

use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::annotation::{Link, LinkType, Peer, Plane};
use pinwire_wiring::annotation::{Pool, Pools};
use pinwire_wiring::identity;
use pinwire_wiring::name::{InterfaceName, NodeName};
use pinwire_wiring::wire::DEFAULT_MTU;

use super::{DeployError, mac};
use crate::paths::TopologyPaths;
use crate::topology::{Node, Topology};

/// Why a link is from no pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is no pool at all.
    #[error(
        "this host has no pools: write them to {}, or give a file with --pools",
        crate::pools::FILE
    )]
    None,
    /// The pool that the link names is not there.
    #[error("there is no pool `{name}`; this host has {}", known.join(", "))]
    Unknown {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Several could be meant.
    #[error("name one of the pools {} in the manifest (`vf: {{pool: …}}`)", known.join(", "))]
    Ambiguous {
        /// Those that there are.
        known: Vec<String>,
    },
}

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
    let mut options = link.vf.clone().unwrap_or_default();
    let (pool, members) = pool(pools, options.pool.as_deref(), link.peer.is_some())
        .map_err(|source| no_pool(node, link, source))?;
    options.pool = Some(pool.to_owned());
    if link.has_interface() && matches!(node.forwarding.plane, Plane::Mirror | Plane::Xdp) {
        // What is passed on at layer 2 is addressed to somebody else.
        options.promiscuous.get_or_insert(true);
    }
    Ok(VfEnd {
        topology: topology.name.clone(),
        node: node.name.clone(),
        interface: link.interface.clone(),
        peer: peer(link),
        netns: paths.namespace(&node.name),
        mac: mac(&topology.name, &node.name, link),
        mtu: link.mtu.unwrap_or(DEFAULT_MTU),
        altname: identity::altname(&topology.name, (node.name.as_str(), &link.interface)),
        pool: pool.to_owned(),
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

fn no_pool(node: &Node, link: &Link, source: PoolError) -> DeployError {
    DeployError::Pool {
        node: node.name.clone(),
        interface: link.interface.clone(),
        source,
    }
}

/// The pool of a name. Without a name a wire is from the only cable and any other link from the only pool that is none;
/// where a host has one pool, everything is from that.
fn pool<'a>(
    pools: &'a Pools,
    name: Option<&str>,
    wire: bool,
) -> Result<(&'a str, &'a Pool), PoolError> {
    let known = || pools.keys().cloned().collect();
    let mut all = pools.iter().map(|(name, pool)| (name.as_str(), pool));
    if let Some(name) = name {
        let found = all.find(|(known, _)| *known == name);
        return found.ok_or_else(|| match pools.is_empty() {
            true => PoolError::None,
            false => PoolError::Unknown {
                name: name.to_owned(),
                known: known(),
            },
        });
    }
    let fit: Vec<_> = all
        .clone()
        .filter(|(_, pool)| pool.is_cable() == wire)
        .collect();
    let all: Vec<_> = all.collect();
    match (&fit[..], &all[..]) {
        ([only], _) | (_, [only]) => Ok(*only),
        (_, []) => Err(PoolError::None),
        _ => Err(PoolError::Ambiguous { known: known() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_a_pool_gets_the_one_that_fits() {
        let text = |cables: &[&str], others: &[&str]| {
            let cable = |name: &&str| format!("  {name}: {{cable: [a, b]}}\n");
            let other = |name: &&str| format!("  {name}: {{physicalFunctions: [c]}}\n");
            let cables = cables.iter().map(cable).collect::<String>();
            let others = others.iter().map(other).collect::<String>();
            format!("pools:\n{cables}{others}")
        };
        // name, cables, other pools, pool of a wire, pool of another link
        let cases = [
            (
                "one cable",
                &["cable"][..],
                &[][..],
                Some("cable"),
                Some("cable"),
            ),
            ("one pool", &[], &["lan"], Some("lan"), Some("lan")),
            (
                "one of each",
                &["cable"],
                &["lan"],
                Some("cable"),
                Some("lan"),
            ),
            ("two cables", &["one", "two"], &["lan"], None, Some("lan")),
            (
                "two pools",
                &["cable"],
                &["lan", "wan"],
                Some("cable"),
                None,
            ),
        ];
        for (name, cables, others, wire, single) in cases {
            let pools = crate::pools::parse("pools.yaml", &text(cables, others)).unwrap();
            let chosen = |wire| pool(&pools, None, wire).ok().map(|(name, _)| name);
            assert_eq!((chosen(true), chosen(false)), (wire, single), "{name}");
        }
        assert_eq!(pool(&Pools::new(), None, true), Err(PoolError::None));
        assert_eq!(pool(&Pools::new(), Some("x"), true), Err(PoolError::None));
    }
}
