//! What only one interface can have among all nodes that are looked at: addresses, MAC addresses, names on the host.

use std::collections::HashMap;
use std::net::IpAddr;

use super::address::{Address, is_link_local};
use super::finding::Findings;
use super::{Node, default};
use crate::annotation::Peer;

pub(super) fn check(nodes: &[Node<'_>], findings: &mut Findings) {
    check_addresses(nodes, findings);
    check_macs(nodes, findings);
    check_host_names(nodes, findings);
}

fn check_addresses(nodes: &[Node<'_>], findings: &mut Findings) {
    let mut seen: HashMap<IpAddr, Address<'_>> = HashMap::new();
    let ends = nodes.iter().flat_map(|node| node.ends());
    for address in ends.flat_map(Address::of) {
        let ip = address.net.addr();
        if ip.is_unspecified() {
            continue;
        }
        let Some(first) = seen.get(&ip) else {
            seen.insert(ip, address);
            continue;
        };
        // A link-local address means something on its own link only.
        if address.is_of_interface(first) || !is_link_local(ip) {
            let owner = match first.host {
                true => "the host".to_owned(),
                false => format!("`{}`", first.end.title()),
            };
            findings
                .error(address.place(), format!("the address {ip} is given twice"))
                .related(first.place(), format!("{owner} has it already"))
                .hint("give each interface of the topology an address of its own");
        }
    }
}

/// Addresses that are derived differ, so that there is nothing to see unless one was chosen.
fn check_macs(nodes: &[Node<'_>], findings: &mut Findings) {
    let ends = || nodes.iter().flat_map(|node| node.ends());
    if ends().all(|end| end.link.mac.is_none()) {
        return;
    }
    let mut seen = HashMap::new();
    for end in ends() {
        let derived = || Some(default::mac(end.node.topology?, end.node.name, end.link));
        let Some(mac) = end.link.mac.or_else(derived) else {
            continue;
        };
        let place = end.place().key("mac");
        let message = || format!("the MAC address {mac} is given twice");
        if let Some(found) = findings.twice(&mut seen, mac, place, message) {
            found.hint(
                "change one of them, or leave `mac` out: addresses that are derived are unique",
            );
        }
    }
}

fn check_host_names(nodes: &[Node<'_>], findings: &mut Findings) {
    let mut seen = HashMap::new();
    for end in nodes.iter().flat_map(|node| node.ends()) {
        let Some(Peer::Host(name)) = &end.link.peer else {
            continue;
        };
        let place = end.place().key("peer");
        let message = || format!("two links end at the host's interface `{name}`");
        if let Some(found) = findings.twice(&mut seen, name, place, message) {
            found.hint("choose another name: it is an interface of this host");
        }
    }
}
