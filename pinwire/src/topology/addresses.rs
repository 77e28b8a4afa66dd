//! Addresses of interfaces: whether each can be one, and whether they go together within a node, a link, a topology.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use pinwire_wiring::annotation::Peer;

use super::links::{End, peer};
use super::node::Draft;
use crate::manifest::report::Report;
use crate::manifest::source::Place;

/// One address of an end.
#[derive(Clone, Copy)]
struct Address<'a> {
    net: IpNet,
    end: End<'a>,
    /// Whether it is of the host's end.
    host: bool,
    place: Place,
}

/// Checks all addresses; the two ends of a link against each other only if all nodes are there.
pub(super) fn check(drafts: &[Draft], complete: bool, report: &mut Report) {
    let mut seen = HashMap::new();
    let mut macs = HashMap::new();
    for draft in drafts {
        let addresses: Vec<_> = End::of(draft).flat_map(addresses).collect();
        for address in &addresses {
            check_form(address, report);
            check_unique(address, &mut seen, report);
        }
        check_overlaps(&addresses, report);
        for end in End::of(draft) {
            let Some(mac) = end.link.mac else { continue };
            let place = end.tree.place_of("mac");
            if let Some(first) = macs.insert(mac, place) {
                report
                    .error(place, format!("the MAC address {mac} is given twice"))
                    .related(first, "the first one")
                    .hint("change one of them, or leave `mac` out: addresses that are derived are unique");
            }
        }
    }
    if complete {
        check_wires(drafts, report);
    }
}

fn addresses(end: End<'_>) -> Vec<Address<'_>> {
    let own = end
        .link
        .addresses
        .iter()
        .enumerate()
        .map(|item| (item, "addresses", false));
    let far = end
        .link
        .host_addresses
        .iter()
        .enumerate()
        .map(|item| (item, "hostAddresses", true));
    let make = |((index, net), key, host): ((usize, &IpNet), _, _)| Address {
        net: *net,
        end,
        host,
        place: end.tree.place_in(key, index),
    };
    own.chain(far).map(make).collect()
}

fn check_form(address: &Address<'_>, report: &mut Report) {
    let (net, ip) = (address.net, address.net.addr());
    let host_length = net.prefix_len() == net.max_prefix_len();
    // Of two addresses both are usable (RFC 3021, RFC 6164).
    let pair = net.prefix_len() + 1 == net.max_prefix_len();
    let reason = if ip.is_unspecified() {
        "it is the unspecified address"
    } else if ip.is_multicast() {
        "it is a multicast address"
    } else if ip.is_loopback() {
        "it is a loopback address"
    } else if ip == IpAddr::from([255, 255, 255, 255]) {
        "it is the broadcast address"
    } else if host_length || pair {
        return;
    } else if ip == net.network() && ip.is_ipv4() {
        "it is the network's own address"
    } else if ip == net.network() {
        "it is the anycast address of the subnet's routers (RFC 4291, section 2.6.1)"
    } else if ip == net.broadcast() && ip.is_ipv4() {
        "it is the broadcast address of its network"
    } else {
        return;
    };
    let finding = report.error(
        address.place,
        format!("an interface cannot have the address {net}: {reason}"),
    );
    // IPv6 counts the network's own address among the hosts.
    let first = net
        .hosts()
        .take(2)
        .find(|first| *first != net.network())
        .filter(|_| ip == net.network() && !host_length && !ip.is_unspecified());
    finding.hint_if(first.map(|first| {
        format!(
            "the network's first address is {first}/{}",
            net.prefix_len()
        )
    }));
}

/// A link-local address (RFC 3927, RFC 4291) means something on its own link only.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn check_unique<'a>(
    address: &Address<'a>,
    seen: &mut HashMap<IpAddr, Address<'a>>,
    report: &mut Report,
) {
    let ip = address.net.addr();
    if ip.is_unspecified() {
        return;
    }
    let Some(first) = seen.get(&ip) else {
        seen.insert(ip, *address);
        return;
    };
    let same_interface = first.end.title() == address.end.title() && first.host == address.host;
    if same_interface || !is_link_local(ip) {
        let first_owner = if first.host {
            "the host".to_owned()
        } else {
            format!("`{}`", first.end.title())
        };
        report
            .error(address.place, format!("the address {ip} is given twice"))
            .related(first.place, format!("{first_owner} has it already"))
            .hint("give each interface of the topology an address of its own");
    }
}

fn check_overlaps(addresses: &[Address<'_>], report: &mut Report) {
    let prefixes: Vec<_> = addresses
        .iter()
        .filter(|address| !address.host && address.net.prefix_len() < address.net.max_prefix_len())
        .filter(|address| !is_link_local(address.net.addr()))
        .collect();
    for (index, address) in prefixes.iter().enumerate() {
        let other = prefixes[..index].iter().find(|other| {
            let overlap = other.net.contains(&address.net.network())
                || address.net.contains(&other.net.network());
            overlap && other.end.link.interface != address.end.link.interface
        });
        if let Some(other) = other {
            let (one, two) = (&other.end.link.interface, &address.end.link.interface);
            let message = format!(
                "the subnets of `{one}` and `{two}` overlap: which one leads to {} is undecided",
                address.net.trunc()
            );
            report
                .error(address.place, message)
                .related(other.place, format!("`{one}`"))
                .hint("give each link a subnet of its own, or one of the two ends a host address (/32, /128)");
        }
    }
}

fn check_wires(drafts: &[Draft], report: &mut Report) {
    let nodes: HashMap<&str, &Draft> = drafts.iter().map(|draft| (draft.name(), draft)).collect();
    for end in drafts.iter().flat_map(End::of) {
        let all = addresses(end);
        let (far, near): (Vec<_>, Vec<_>) = all.into_iter().partition(|address| address.host);
        match peer(end, &nodes) {
            // Both ends see the same disagreement: the later one tells of it.
            Some(other) if other.tree.place < end.tree.place => {
                let far: Vec<_> = addresses(other)
                    .into_iter()
                    .filter(|address| !address.host)
                    .collect();
                check_wire(&near, &far, &format!("`{}`", other.title()), report);
            }
            None if matches!(end.link.peer, Some(Peer::Host(_))) => {
                check_wire(&near, &far, "the host's end", report);
            }
            _ => {}
        }
    }
}

/// Two ends must reach each other: one's prefix must contain the other's address, in each family that both have. Ends
/// with nothing but host addresses are reached by routes.
fn check_wire(near: &[Address<'_>], far: &[Address<'_>], far_title: &str, report: &mut Report) {
    for ipv6 in [false, true] {
        let family = |address: &&Address<'_>| {
            address.net.addr().is_ipv6() == ipv6 && !is_link_local(address.net.addr())
        };
        let near: Vec<_> = near.iter().filter(family).collect();
        let far: Vec<_> = far.iter().filter(family).collect();
        let (Some(first), Some(other)) = (near.first(), far.first()) else {
            continue;
        };
        let host_only = near
            .iter()
            .chain(&far)
            .all(|address| address.net.prefix_len() == address.net.max_prefix_len());
        let reach = |one: &Address<'_>, two: &Address<'_>| one.net.contains(&two.net.addr());
        let meet = near
            .iter()
            .any(|one| far.iter().any(|two| reach(one, two) || reach(two, one)));
        if !meet && !host_only {
            report
                .error(
                    first.place,
                    format!(
                        "`{}` and {far_title} share no subnet: neither reaches the other",
                        first.end.title()
                    ),
                )
                .related(other.place, "the other end")
                .hint("give both ends addresses of one subnet");
        }
    }
}
