//! Routes of a node: whether the kernel will take them, given the node's interfaces and addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::annotation::{Destination, Route};
use pinwire_wiring::name::InterfaceName;

use super::node::Draft;
use crate::manifest::report::Report;
use crate::manifest::suggest;
use crate::manifest::tree::Tree;

/// The routing table of routes that name none (`RT_TABLE_MAIN`).
pub(super) const TABLE_MAIN: u32 = 254;
/// The kernel's own table (`RT_TABLE_LOCAL`).
pub(super) const TABLE_LOCAL: u32 = 255;

/// Checks all routes of a node.
pub(super) fn check(draft: &Draft, report: &mut Report) {
    let list = draft.forwarding.value("routes");
    let mut seen = HashMap::new();
    for (index, route) in draft.node.forwarding.routes.iter().enumerate() {
        let tree = list.item(index);
        let table = route.table.unwrap_or(TABLE_MAIN);
        check_table(route.table, tree, report);
        check_interface(
            draft,
            route.interface.as_ref().map(InterfaceName::as_str),
            tree,
            report,
        );
        check_families(route, tree, report);
        check_source(draft, route, tree, report);
        check_next_hop(draft, route, tree, report);
        check_connected(draft, route, tree, report);
        let key = (
            is_ipv6(route),
            route.to.to_string(),
            table,
            route.metric.unwrap_or(0),
        );
        if let Some(first) = seen.insert(key, tree.place) {
            report
                .error(
                    tree.place,
                    format!("there are two routes to {} with the same metric", route.to),
                )
                .related(first, "the first one")
                .hint("remove one of them, or give them different metrics or tables");
        }
    }
}

/// Checks that an interface is one of the node's.
pub(super) fn check_interface(draft: &Draft, name: Option<&str>, tree: &Tree, report: &mut Report) {
    if let Some(name) = name.filter(|name| draft.is_driven(name)) {
        report.error(tree.place_of("interface"), no_interface(draft, name));
        return;
    }
    if let Some(name) = name.filter(|name| !draft.interfaces().any(|known| known == *name)) {
        let hint = suggest::hint(name, draft.interfaces());
        let hint = hint.unwrap_or_else(|| {
            format!(
                "its interfaces are {}",
                suggest::list(&draft.interfaces().collect::<Vec<_>>())
            )
        });
        report
            .error(
                tree.place_of("interface"),
                format!("the node `{}` has no interface `{name}`", draft.name()),
            )
            .hint(hint);
    }
}

/// That a link has no interface.
pub(super) fn no_interface(draft: &Draft, name: &str) -> String {
    format!(
        "`{}:{name}` has no interface: a process drives it (`driver: {VFIO}`)",
        draft.name()
    )
}

/// Checks the number of a table.
pub(super) fn check_table(table: Option<u32>, tree: &Tree, report: &mut Report) {
    let reason = match table {
        Some(0) => "0 stands for no table",
        Some(TABLE_LOCAL) => "255 is the kernel's own",
        _ => return,
    };
    report
        .error(
            tree.place_of("table"),
            format!("this table cannot be used: {reason}"),
        )
        .hint("choose 1 to 252, or above 255");
}

/// Whether one of the node's prefixes holds the address.
fn is_connected(draft: &Draft, ip: IpAddr) -> bool {
    draft
        .node
        .links
        .iter()
        .flat_map(|link| &link.addresses)
        .any(|address| address.contains(&ip))
}

/// Whether the node itself has the address.
pub(super) fn is_own(draft: &Draft, ip: IpAddr) -> bool {
    draft
        .node
        .links
        .iter()
        .flat_map(|link| &link.addresses)
        .any(|address| address.addr() == ip)
}

fn is_ipv6(route: &Route) -> bool {
    match (route.to, route.via, route.source) {
        (Destination::Prefix(prefix), ..) => prefix.addr().is_ipv6(),
        (Destination::Default, Some(ip), _) | (Destination::Default, None, Some(ip)) => {
            ip.is_ipv6()
        }
        (Destination::Default, None, None) => false,
    }
}

fn check_families(route: &Route, tree: &Tree, report: &mut Report) {
    for (key, ip) in [("via", route.via), ("source", route.source)] {
        if ip.is_some_and(|ip| ip.is_ipv6() != is_ipv6(route)) {
            let message = format!(
                "the route to {} has a `{key}` of the other family: IPv4 and IPv6 do not mix",
                route.to
            );
            report.error(tree.place_of(key), message);
        }
    }
    if let Destination::Prefix(prefix) = route.to
        && prefix.addr().is_multicast()
    {
        report.error(
            tree.place_of("to"),
            format!("{prefix} is multicast, which is not routed by this table"),
        );
    }
}

fn check_source(draft: &Draft, route: &Route, tree: &Tree, report: &mut Report) {
    if let Some(source) = route.source.filter(|source| !is_own(draft, *source)) {
        report
            .error(
                tree.place_of("source"),
                format!("the node `{}` has no address {source}", draft.name()),
            )
            .hint("the source of a route is an address of the node itself");
    }
}

fn check_next_hop(draft: &Draft, route: &Route, tree: &Tree, report: &mut Report) {
    let Some(via) = route.via else {
        if route.interface.is_none() {
            report
                .error(
                    tree.place,
                    format!("the route to {} leads nowhere", route.to),
                )
                .hint("add `via: ADDRESS` of the next hop, or `interface: NAME`");
        }
        return;
    };
    let place = tree.place_of("via");
    if via.is_unspecified() || via.is_multicast() || via.is_loopback() {
        report.error(place, format!("{via} is not the address of a next hop"));
    } else if is_own(draft, via) {
        report
            .error(
                place,
                format!("the next hop {via} is the node's own address"),
            )
            .hint("name the address of the neighbour at the other end of the link");
    } else if matches!(via, IpAddr::V6(ip) if ip.is_unicast_link_local())
        && route.interface.is_none()
    {
        report
            .error(place, format!("the next hop {via} is link-local"))
            .hint("add `interface: NAME`: it says on which link");
    } else if via.is_ipv6() == is_ipv6(route)
        && route.interface.is_none()
        && !is_connected(draft, via)
        && !is_routed(draft, via)
    {
        report
            .error(
                place,
                format!(
                    "the node `{}` cannot reach the next hop {via}",
                    draft.name()
                ),
            )
            .hint(format!(
                "none of its subnets holds it: it has {}",
                subnets(draft)
            ));
    }
}

/// Whether a route that names an interface only leads to the next hop.
fn is_routed(draft: &Draft, via: IpAddr) -> bool {
    draft
        .node
        .forwarding
        .routes
        .iter()
        .any(|route| match route.to {
            Destination::Prefix(prefix) => route.via.is_none() && prefix.contains(&via),
            Destination::Default => false,
        })
}

/// The kernel adds a route for the subnet of each IPv4 address by itself, with metric 0.
fn check_connected(draft: &Draft, route: &Route, tree: &Tree, report: &mut Report) {
    let Destination::Prefix(prefix @ IpNet::V4(_)) = route.to else {
        return;
    };
    if route.table.unwrap_or(TABLE_MAIN) != TABLE_MAIN || route.metric.unwrap_or(0) != 0 {
        return;
    }
    let links = &draft.node.links;
    let link = links.iter().find(|link| {
        link.addresses.iter().any(|address| {
            address.prefix_len() < address.max_prefix_len() && address.trunc() == prefix
        })
    });
    if let Some(link) = link {
        report
            .error(
                tree.place_of("to"),
                format!(
                    "{prefix} is the subnet of `{}`: the kernel has this route already",
                    link.interface
                ),
            )
            .hint("remove it, or give it a `metric`");
    }
}

fn subnets(draft: &Draft) -> String {
    let subnets: Vec<_> = draft
        .node
        .links
        .iter()
        .flat_map(|link| &link.addresses)
        .map(|net| net.trunc().to_string())
        .collect();
    if subnets.is_empty() {
        "no addresses".to_owned()
    } else {
        subnets.join(", ")
    }
}
