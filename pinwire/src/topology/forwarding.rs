//! How a node forwards: its plane, permanent neighbours and sysctls. Routes and rules are in files of their own.

use std::collections::HashMap;

use pinwire_wiring::annotation::Plane;

use super::node::Draft;
use super::{policy, routes};
use crate::manifest::report::Report;
use crate::manifest::source::Place;
use crate::manifest::suggest;

/// Checks the forwarding of all nodes.
pub(super) fn check(drafts: &[Draft], report: &mut Report) {
    for draft in drafts {
        check_plane(draft, report);
        routes::check(draft, report);
        policy::check(draft, report);
        check_neighbours(draft, report);
        check_sysctls(draft, report);
    }
}

fn check_plane(draft: &Draft, report: &mut Report) {
    let name = match draft.node.forwarding.plane {
        Plane::Mirror => "mirror",
        Plane::Xdp => "xdp",
        Plane::Kernel | Plane::None => return,
    };
    let links = draft.node.links.iter();
    let count = links.filter(|link| link.has_interface()).count();
    if count != 2 {
        report
            .error(
                draft.forwarding.place_of("plane"),
                format!(
                    "the plane `{name}` joins two interfaces, and `{}` has {count}",
                    draft.name()
                ),
            )
            .hint("a node with one link, or more than two, uses `plane: kernel` or `none`");
    }
}

fn check_neighbours(draft: &Draft, report: &mut Report) {
    let list = draft.forwarding.value("neighbours");
    let mut seen = HashMap::new();
    for (index, neighbour) in draft.node.forwarding.neighbours.iter().enumerate() {
        let tree = list.item(index);
        let (ip, interface) = (neighbour.ip, &neighbour.interface);
        routes::check_interface(draft, Some(interface.as_str()), tree, report);
        if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() {
            report.error(
                tree.place_of("ip"),
                format!("{ip} is not the address of a neighbour"),
            );
        } else if routes::is_own(draft, ip) {
            report.error(
                tree.place_of("ip"),
                format!("{ip} is the node's own address, not a neighbour's"),
            );
        }
        if let Some(first) = seen.insert((ip, interface), tree.place) {
            report
                .error(
                    tree.place,
                    format!("the neighbour {ip} is given twice on `{interface}`"),
                )
                .related(first, "the first one");
        }
    }
}

fn check_sysctls(draft: &Draft, report: &mut Report) {
    for entry in draft
        .forwarding
        .value("sysctls")
        .entries()
        .iter()
        .filter(|_| draft.forwarding.get("sysctls").is_some())
    {
        let key = entry.key.as_str();
        let mut parts = key.split('.');
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if parts.next() != Some("net") || parts.clone().next().is_none() {
            report
                .error(
                    entry.key_place,
                    format!("the sysctl `{key}` does not belong to a network namespace"),
                )
                .hint("only those that begin with `net.` can be set for a node");
        } else if !parts.all(plain) {
            report
                .error(
                    entry.key_place,
                    format!("`{key}` is not the name of a sysctl"),
                )
                .hint("write it with dots, such as net.ipv4.ip_forward");
        } else {
            check_interface_of(draft, key, entry.key_place, report);
        }
    }
}

/// `net.ipv4.conf.NAME.…`: the name must be an interface of the node.
fn check_interface_of(draft: &Draft, key: &str, place: Place, report: &mut Report) {
    let parts: Vec<_> = key.split('.').collect();
    let ["net", "ipv4" | "ipv6", "conf" | "neigh", name, _, ..] = parts[..] else {
        return;
    };
    if draft.is_driven(name) {
        report.error(place, routes::no_interface(draft, name));
    } else if !["all", "default", "lo"].contains(&name)
        && !draft.interfaces().any(|known| known == name)
    {
        let hint = suggest::hint(name, draft.interfaces().chain(["all", "default"]));
        report
            .error(
                place,
                format!("the node `{}` has no interface `{name}`", draft.name()),
            )
            .hint_if(hint);
    }
}
