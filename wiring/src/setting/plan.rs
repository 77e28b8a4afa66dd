//! From a pod's annotations, which hold the rules ([`crate::rule`]), to settings: pure. Sysctls are planned next door.

use ipnet::IpNet;

use super::Setting;
use super::baseline::sysctls;
use crate::annotation::{Forwarding, Link, Peer, Plane};
use crate::name::InterfaceName;

/// What a node's namespace is told, in the order in which it has to be told: of the links that are interfaces.
///
/// With the plane [`Plane::Xdp`], the far ends of the node's links need [`far_end`] as well, in *their* namespaces.
pub fn settings(links: &[Link], forwarding: &Forwarding) -> Vec<Setting> {
    let links: Vec<&Link> = links.iter().filter(|link| link.has_interface()).collect();
    let plane = plane(&links, forwarding.plane);
    let mut settings = sysctls(&links, forwarding);
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
    settings
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

/// How the two interfaces that a plane joins are joined ([`crate::rule`] sees to it that there are two).
fn plane(links: &[&Link], plane: Plane) -> Vec<Setting> {
    let [one, other] = links else {
        return Vec::new();
    };
    let ways = [(one, other), (other, one)].into_iter();
    ways.filter_map(|(from, to)| {
        let (from, to) = (from.interface.clone(), to.interface.clone());
        match plane {
            Plane::Kernel | Plane::None => None,
            Plane::Mirror => Some(Setting::Mirror { from, to }),
            Plane::Xdp => Some(Setting::Xdp { from, to }),
        }
    })
    .collect()
}
