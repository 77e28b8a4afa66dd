//! Follows a packet through a typed topology by its addresses, routes and rules, as the kernel would.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use pinwire::topology::{Node, Topology};
use pinwire_wiring::annotation::{Destination, Peer, Route, Rule};

/// The nodes that a UDP packet passes through to the node that has the address, or has it on a subnet of its own.
pub(crate) fn path(
    topology: &Topology,
    from: &str,
    to: &str,
    port: u16,
) -> Result<Vec<String>, String> {
    let nodes: HashMap<&str, &Node> = topology
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node))
        .collect();
    let target: IpAddr = to.parse().unwrap();
    let source = nodes[from].links[0].addresses[0].addr();
    let mut passed = vec![from.to_owned()];
    while passed.len() <= nodes.len() {
        let node = nodes[passed.last().unwrap().as_str()];
        match next(node, source, target, port)? {
            None => return Ok(passed),
            Some(next) => passed.push(next),
        }
    }
    Err(format!("a loop: {}", passed.join(" ")))
}

/// The node that comes next; `None` if this one is the last.
fn next(node: &Node, source: IpAddr, target: IpAddr, port: u16) -> Result<Option<String>, String> {
    let has = |address: &IpNet| address.addr() == target;
    if node.links.iter().any(|link| link.addresses.iter().any(has)) {
        return Ok(None);
    }
    let mut rules: Vec<_> = node
        .forwarding
        .rules
        .iter()
        .filter(|rule| selects(rule, source, target, port))
        .collect();
    rules.sort_by_key(|rule| rule.priority);
    let tables = rules.iter().map(|rule| rule.table).chain([254]);
    let hop = tables
        .filter_map(|table| lookup(node, table, target))
        .next()
        .ok_or(format!("{} has no route", node.name))?;
    let (hop, link) = match hop {
        Some(via) => (
            via,
            node.links
                .iter()
                .find(|link| link.addresses.iter().any(|address| address.contains(&via))),
        ),
        None => (
            target,
            node.links.iter().find(|link| {
                link.addresses
                    .iter()
                    .any(|address| address.contains(&target))
            }),
        ),
    };
    match link
        .and_then(|link| link.peer.clone())
        .ok_or(format!("{} cannot reach {hop}", node.name))?
    {
        Peer::Node { node, .. } => Ok(Some(node.to_string())),
        Peer::Host(_) => Ok(None),
    }
}

fn selects(rule: &Rule, source: IpAddr, target: IpAddr, port: u16) -> bool {
    rule.from.is_none_or(|from| from.contains(&source))
        && rule.to.is_none_or(|to| to.contains(&target))
        && rule.destination_port.is_none_or(|wanted| wanted == port)
}

/// The next hop by the longest prefix, `Some(None)` if the target is on a subnet of the node.
fn lookup(node: &Node, table: u32, target: IpAddr) -> Option<Option<IpAddr>> {
    let length = |route: &Route| match route.to {
        Destination::Default => Some(0),
        Destination::Prefix(prefix) => prefix.contains(&target).then_some(prefix.prefix_len()),
    };
    let routes = node
        .forwarding
        .routes
        .iter()
        .filter(|route| route.table.unwrap_or(254) == table);
    let routes = routes.filter_map(|route| Some((length(route)?, route.via)));
    let connected = node
        .links
        .iter()
        .flat_map(|link| &link.addresses)
        .filter(|net| table == 254 && net.contains(&target));
    let connected = connected.map(|net| (net.prefix_len(), None));
    routes
        .chain(connected)
        .max_by_key(|(length, _)| *length)
        .map(|(_, via)| via)
}
