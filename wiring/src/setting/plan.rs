//! From a pod's annotations to settings: pure. Sysctls are planned next door.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Setting;
use super::baseline::sysctls;
use crate::annotation::{Destination, Family, Forwarding, Link, Peer, Plane, Route, Rule};
use crate::name::InterfaceName;

/// What a manifest asks for that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A sysctl's key is wrong.
    #[error("{0}")]
    Sysctl(String),
    /// A layer-2 plane joins two interfaces.
    #[error("the plane `{plane}` joins exactly two interfaces, and this node has {interfaces}")]
    TwoInterfaces {
        /// The plane, as written in a manifest.
        plane: &'static str,
        /// Number of the node's interfaces.
        interfaces: usize,
    },
    /// An IPv6 destination cannot be behind an IPv4 router.
    #[error("the route to {to} cannot go via {via}: an IPv6 destination needs an IPv6 next hop")]
    NextHop {
        /// Destination.
        to: Destination,
        /// Next hop.
        via: IpAddr,
    },
    /// A route's source is of the other family than its destination.
    #[error(
        "the route to {to} cannot have the source {source_address}: they are of different IP versions"
    )]
    Source {
        /// Destination.
        to: Destination,
        /// Preferred source.
        source_address: IpAddr,
    },
    /// A route without any way to go.
    #[error("the route to {to} needs `via` or `interface`")]
    NoWay {
        /// Destination.
        to: Destination,
    },
    /// A rule's selectors are of different families.
    #[error(
        "the rule with priority {priority} selects from {from} to {to}: they are of different IP versions"
    )]
    RuleFamilies {
        /// Priority.
        priority: u32,
        /// Source prefix.
        from: ipnet::IpNet,
        /// Destination prefix.
        to: ipnet::IpNet,
    },
}

/// What a node's namespace is told, in the order in which it has to be told: of the links that are interfaces.
///
/// With the plane [`Plane::Xdp`], the far ends of the node's links need [`far_end`] as well, in *their* namespaces.
///
/// # Errors
/// The first [`PlanError`].
pub fn settings(links: &[Link], forwarding: &Forwarding) -> Result<Vec<Setting>, PlanError> {
    forwarding.routes.iter().try_for_each(check_route)?;
    forwarding.rules.iter().try_for_each(check_rule)?;
    let links: Vec<&Link> = links.iter().filter(|link| link.has_interface()).collect();
    let plane = plane(&links, forwarding.plane)?;
    let mut settings = sysctls(&links, forwarding).map_err(PlanError::Sysctl)?;
    settings.push(Setting::LoopbackUp);
    settings.extend(addresses_then_up(
        links
            .into_iter()
            .map(|link| (&link.interface, link.addresses.as_slice())),
    ));
    settings.extend(
        forwarding
            .neighbours
            .iter()
            .cloned()
            .map(Setting::Neighbour),
    );
    settings.extend(forwarding.routes.iter().cloned().map(Setting::Route));
    settings.extend(forwarding.rules.iter().cloned().map(Setting::Rule));
    settings.extend(plane);
    Ok(settings)
}

/// What the host's namespace is told about the ends that a pod's links leave there: they have their addresses and are up.
pub fn host_settings(links: &[Link]) -> Vec<Setting> {
    let ends = links.iter().filter_map(|link| match &link.peer {
        Some(Peer::Host(interface)) => Some((interface, link.host_addresses.as_slice())),
        _ => None,
    });
    addresses_then_up(ends).collect()
}

/// Addresses first: when both ends of a link are up, workers of the kernel's get busy with it, and whatever a namespace is told then
/// waits for them (the lock of routing netlink, `RTNL`).
fn addresses_then_up<'a>(
    interfaces: impl Iterator<Item = (&'a InterfaceName, &'a [IpNet])> + Clone,
) -> impl Iterator<Item = Setting> {
    let addresses = interfaces.clone().flat_map(|(interface, addresses)| {
        let address = |address: &IpNet| Setting::Address {
            interface: interface.clone(),
            address: *address,
            alone: false,
        };
        addresses.iter().map(address)
    });
    let ups = interfaces.map(|(interface, _)| Setting::LinkUp {
        interface: interface.clone(),
    });
    addresses.chain(ups)
}

/// What the far end of a link to a node with [`Plane::Xdp`] needs, in its own namespace.
///
/// A program can redirect to a veth only if that one's peer runs NAPI (`veth_xdp_xmit`), which generic receive offload turns
/// on. And a packet whose checksum was left to the hardware loses that mark in the program: what the far end sends must
/// be complete.
pub fn far_end(interface: InterfaceName) -> Setting {
    Setting::Offload {
        interface,
        gro: true,
        tx_checksum: false,
    }
}

fn plane(links: &[&Link], plane: Plane) -> Result<Vec<Setting>, PlanError> {
    let name = match plane {
        Plane::Kernel | Plane::None => return Ok(Vec::new()),
        Plane::Mirror => "mirror",
        Plane::Xdp => "xdp",
    };
    let [one, other] = links else {
        return Err(PlanError::TwoInterfaces {
            plane: name,
            interfaces: links.len(),
        });
    };
    let ways = [(one, other), (other, one)];
    Ok(ways
        .map(|(from, to)| {
            let (from, to) = (from.interface.clone(), to.interface.clone());
            if plane == Plane::Xdp {
                Setting::Xdp { from, to }
            } else {
                Setting::Mirror { from, to }
            }
        })
        .into())
}

fn check_route(route: &Route) -> Result<(), PlanError> {
    let to = route.to;
    let family = route.family();
    match route.via {
        None if route.interface.is_none() => return Err(PlanError::NoWay { to }),
        Some(via @ IpAddr::V4(_)) if family == Family::V6 => {
            return Err(PlanError::NextHop { to, via });
        }
        _ => {}
    }
    match route.source {
        Some(source_address) if Family::of(source_address) != family => {
            Err(PlanError::Source { to, source_address })
        }
        _ => Ok(()),
    }
}

fn check_rule(rule: &Rule) -> Result<(), PlanError> {
    match (rule.from, rule.to) {
        (Some(from), Some(to)) if Family::of(from.addr()) != Family::of(to.addr()) => {
            Err(PlanError::RuleFamilies {
                priority: rule.priority,
                from,
                to,
            })
        }
        _ => Ok(()),
    }
}
