//! What is wrong with a node's routes: whether the kernel takes them, given the node's interfaces and addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Node;
use super::finding::{Findings, Place};
use super::forwarding::{check_interface, is_of_interface, is_own};
use crate::annotation::{Destination, FORWARDING, Route};

/// The routing table of routes that name none (`RT_TABLE_MAIN`).
pub(super) const TABLE_MAIN: u32 = 254;
/// The kernel's own table (`RT_TABLE_LOCAL`).
pub(super) const TABLE_LOCAL: u32 = 255;

pub(super) fn check(node: Node<'_>, findings: &mut Findings) {
    let list = node.place(FORWARDING).key("routes");
    let mut seen = HashMap::new();
    for (index, route) in node.forwarding.routes.iter().enumerate() {
        let place = list.clone().item(index);
        check_table(route.table, &place, findings);
        if let Some(name) = &route.interface {
            let named = place.clone().key("interface");
            check_interface(node, name.as_str(), named, findings);
        }
        check_families(route, &place, findings);
        check_source(node, route, &place, findings);
        check_next_hop(node, route, &place, findings);
        check_connected(node, route, &place, findings);
        let (to, metric) = (route.to, route.metric.unwrap_or(0));
        let key = (route.is_v6(), to, route.table.unwrap_or(TABLE_MAIN), metric);
        let message = || format!("there are two routes to {to} with the same metric");
        if let Some(found) = findings.twice(&mut seen, key, place, message) {
            found.hint("remove one of them, or give them different metrics or tables");
        }
    }
}

/// Checks the number of a table.
pub(super) fn check_table(table: Option<u32>, place: &Place, findings: &mut Findings) {
    let reason = match table {
        Some(0) => "0 stands for no table",
        Some(TABLE_LOCAL) => "255 is the kernel's own",
        _ => return,
    };
    findings
        .error(
            place.clone().key("table"),
            format!("this table cannot be used: {reason}"),
        )
        .hint("choose 1 to 252, or above 255");
}

fn check_families(route: &Route, place: &Place, findings: &mut Findings) {
    for (key, ip) in [("via", route.via), ("source", route.source)] {
        if ip.is_some_and(|ip| ip.is_ipv6() != route.is_v6()) {
            let message = format!(
                "the route to {} has a `{key}` of the other family: IPv4 and IPv6 do not mix",
                route.to
            );
            findings.error(place.clone().key(key), message);
        }
    }
    if let Destination::Prefix(prefix) = route.to
        && prefix.addr().is_multicast()
    {
        findings.error(
            place.clone().key("to"),
            format!("{prefix} is multicast, which is not routed by this table"),
        );
    }
}

fn check_source(node: Node<'_>, route: &Route, place: &Place, findings: &mut Findings) {
    if let Some(source) = route.source.filter(|source| !is_own(node, *source)) {
        findings
            .error(
                place.clone().key("source"),
                format!("the node `{}` has no address {source}", node.name),
            )
            .hint("the source of a route is an address of the node itself");
    }
}

fn check_next_hop(node: Node<'_>, route: &Route, place: &Place, findings: &mut Findings) {
    let Some(via) = route.via else {
        if route.interface.is_none() {
            findings
                .error(
                    place.clone(),
                    format!("the route to {} leads nowhere", route.to),
                )
                .hint("add `via: ADDRESS` of the next hop, or `interface: NAME`");
        }
        return;
    };
    let place = place.clone().key("via");
    let link_local = matches!(via, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if !is_of_interface(via) {
        findings.error(place, format!("{via} is not the address of a next hop"));
    } else if is_own(node, via) {
        findings
            .error(
                place,
                format!("the next hop {via} is the node's own address"),
            )
            .hint("name the address of the neighbour at the other end of the link");
    } else if link_local && route.interface.is_none() {
        findings
            .error(place, format!("the next hop {via} is link-local"))
            .hint("add `interface: NAME`: it says on which link");
    } else if route.interface.is_none() && via.is_ipv6() == route.is_v6() && !is_reached(node, via)
    {
        findings
            .error(
                place,
                format!("the node `{}` cannot reach the next hop {via}", node.name),
            )
            .hint(format!(
                "none of its subnets holds it: it has {}",
                subnets(node)
            ));
    }
}

/// Whether one of the node's prefixes holds the address, or a route that names an interface only.
fn is_reached(node: Node<'_>, via: IpAddr) -> bool {
    let mut addresses = node.links.iter().flat_map(|link| &link.addresses);
    let mut routes = node.forwarding.routes.iter();
    let on_link = |route: &Route| match route.to {
        Destination::Prefix(prefix) => route.via.is_none() && prefix.contains(&via),
        Destination::Default => false,
    };
    addresses.any(|address| address.contains(&via)) || routes.any(on_link)
}

/// The kernel adds a route for the subnet of each IPv4 address by itself, with metric 0.
fn check_connected(node: Node<'_>, route: &Route, place: &Place, findings: &mut Findings) {
    let Destination::Prefix(prefix @ IpNet::V4(_)) = route.to else {
        return;
    };
    if route.table.unwrap_or(TABLE_MAIN) != TABLE_MAIN || route.metric.unwrap_or(0) != 0 {
        return;
    }
    let connected = |address: &IpNet| {
        address.prefix_len() < address.max_prefix_len() && address.trunc() == prefix
    };
    let mut links = node.links.iter();
    if let Some(link) = links.find(|link| link.addresses.iter().any(connected)) {
        let message = format!(
            "{prefix} is the subnet of `{}`: the kernel has this route already",
            link.interface
        );
        findings
            .error(place.clone().key("to"), message)
            .hint("remove it, or give it a `metric`");
    }
}

fn subnets(node: Node<'_>) -> String {
    let addresses = node.links.iter().flat_map(|link| &link.addresses);
    let subnets: Vec<_> = addresses.map(|net| net.trunc().to_string()).collect();
    match subnets.is_empty() {
        true => "no addresses".to_owned(),
        false => subnets.join(", "),
    }
}
