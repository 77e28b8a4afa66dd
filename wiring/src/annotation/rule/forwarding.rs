//! What is wrong with how a node forwards: its plane, permanent neighbours and sysctls. Routes and rules are in files of their own.

use std::collections::HashMap;
use std::net::IpAddr;

use super::finding::{Findings, Place};
use super::{Node, policy, route, suggest};
use crate::annotation::VFIO;
use crate::annotation::{FORWARDING, Plane};

pub(super) fn check(node: Node<'_>, findings: &mut Findings) {
    check_plane(node, findings);
    route::check(node, findings);
    policy::check(node, findings);
    check_neighbours(node, findings);
    check_sysctls(node, findings);
}

fn check_plane(node: Node<'_>, findings: &mut Findings) {
    let plane = match node.forwarding.plane {
        Plane::Mirror => "mirror",
        Plane::Xdp => "xdp",
        Plane::Kernel | Plane::None => return,
    };
    let links = node.links.iter();
    let count = links.filter(|link| link.has_interface()).count();
    if count != 2 {
        findings
            .error(
                node.place(FORWARDING).key("plane"),
                format!(
                    "the plane `{plane}` joins two interfaces, and `{}` has {count}",
                    node.name
                ),
            )
            .hint("a node with one link, or more than two, uses `plane: kernel` or `none`");
    }
}

fn check_neighbours(node: Node<'_>, findings: &mut Findings) {
    let list = node.place(FORWARDING).key("neighbours");
    let mut seen = HashMap::new();
    for (index, neighbour) in node.forwarding.neighbours.iter().enumerate() {
        let place = list.clone().item(index);
        let (ip, interface) = (neighbour.ip, &neighbour.interface);
        let named = place.clone().key("interface");
        check_interface(node, interface.as_str(), named, findings);
        if !is_of_interface(ip) {
            findings.error(
                place.clone().key("ip"),
                format!("{ip} is not the address of a neighbour"),
            );
        } else if is_own(node, ip) {
            findings.error(
                place.clone().key("ip"),
                format!("{ip} is the node's own address, not a neighbour's"),
            );
        }
        let message = || format!("the neighbour {ip} is given twice on `{interface}`");
        findings.twice(&mut seen, (ip, interface), place, message);
    }
}

/// `net.ipv4.conf.NAME.…`: the name must be an interface of the node.
fn check_sysctls(node: Node<'_>, findings: &mut Findings) {
    for key in node.forwarding.sysctls.keys() {
        if let Some(name) = key.interface().filter(|name| *name != "lo") {
            let place = node.place(FORWARDING).key("sysctls");
            check_interface(node, name, place.itself(key.to_string()), findings);
        }
    }
}

/// Checks that a name is that of an interface of the node.
pub(super) fn check_interface(node: Node<'_>, name: &str, place: Place, findings: &mut Findings) {
    let mut links = node.links.iter();
    match links.find(|link| link.interface.as_str() == name) {
        Some(link) if link.has_interface() => {}
        Some(_) => {
            let message = format!(
                "`{}:{name}` has no interface: a process drives it (`driver: {VFIO}`)",
                node.name
            );
            findings.error(place, message);
        }
        None => {
            let known: Vec<_> = node.interfaces().collect();
            let hint = suggest::hint(name, known.iter().copied())
                .unwrap_or_else(|| format!("its interfaces are {}", suggest::list(&known)));
            findings
                .error(
                    place,
                    format!("the node `{}` has no interface `{name}`", node.name),
                )
                .hint(hint);
        }
    }
}

/// Whether an interface can have the address.
pub(super) fn is_of_interface(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback()
}

/// Whether the node itself has the address.
pub(super) fn is_own(node: Node<'_>, ip: IpAddr) -> bool {
    let mut addresses = node.links.iter().flat_map(|link| &link.addresses);
    addresses.any(|address| address.addr() == ip)
}
