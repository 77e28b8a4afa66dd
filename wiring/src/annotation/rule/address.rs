//! Addresses of interfaces: whether each can be one, and whether they go together within a node and at the two ends of a link.

use std::net::IpAddr;

use ipnet::IpNet;

use super::finding::{Findings, Place};
use super::{End, Node};
use crate::annotation::Peer;

/// One address of an end.
#[derive(Clone, Copy)]
pub(super) struct Address<'a> {
    pub(super) net: IpNet,
    pub(super) end: End<'a>,
    /// Whether it is of the host's end.
    pub(super) host: bool,
    position: usize,
}

impl<'a> Address<'a> {
    /// All addresses of an end, those at the host's included.
    pub(super) fn of(end: End<'a>) -> impl Iterator<Item = Self> {
        let own = end.link.addresses.iter().enumerate();
        let host = end.link.host_addresses.iter().enumerate();
        let own = own.map(|item| (item, false));
        own.chain(host.map(|item| (item, true)))
            .map(move |((position, net), host)| Self {
                net: *net,
                end,
                host,
                position,
            })
    }

    pub(super) fn place(&self) -> Place {
        let key = if self.host {
            "hostAddresses"
        } else {
            "addresses"
        };
        self.end.place().key(key).item(self.position)
    }

    /// Whether another address is of the same interface.
    pub(super) fn is_of_interface(&self, other: &Self) -> bool {
        let end = |address: &Self| (address.end.node.index, address.end.position, address.host);
        end(self) == end(other)
    }
}

/// A link-local address (RFC 3927, RFC 4291) means something on its own link only.
pub(super) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Checks the addresses of one end, and those of the host's end with them.
pub(super) fn check(end: End<'_>, findings: &mut Findings) {
    Address::of(end).for_each(|address| check_form(&address, findings));
    if let Some(Peer::Host(_)) = end.link.peer {
        let (far, near): (Vec<_>, Vec<_>) = Address::of(end).partition(|address| address.host);
        check_reach(&near, &far, "the host's end", findings);
    }
}

/// Checks that the two ends of a link reach each other.
pub(super) fn check_ends(one: End<'_>, other: End<'_>, findings: &mut Findings) {
    let own = |end| Address::of(end).filter(|address| !address.host);
    let (far, near): (Vec<_>, Vec<_>) = (own(one).collect(), own(other).collect());
    check_reach(&near, &far, &format!("`{}`", one.title()), findings);
    for address in &near {
        let ip = address.net.addr();
        let same = far.iter().find(|far| far.net.addr() == ip);
        if let Some(far) = same.filter(|_| is_link_local(ip)) {
            findings
                .error(
                    address.place(),
                    format!("both ends of a link have the address {ip}"),
                )
                .related(far.place(), "the other end");
        }
    }
}

fn check_form(address: &Address<'_>, findings: &mut Findings) {
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
    let finding = findings.error(
        address.place(),
        format!("an interface cannot have the address {net}: {reason}"),
    );
    // IPv6 counts the network's own address among the hosts.
    let mut first = net.hosts().take(2).filter(|first| *first != net.network());
    if ip == net.network()
        && !host_length
        && !ip.is_unspecified()
        && let Some(first) = first.next()
    {
        let length = net.prefix_len();
        finding.hint(format!("the network's first address is {first}/{length}"));
    }
}

/// Checks that it is decided which of a node's links leads to an address.
pub(super) fn check_overlaps(node: Node<'_>, findings: &mut Findings) {
    let shared = |address: &Address<'_>| {
        !address.host
            && address.net.prefix_len() < address.net.max_prefix_len()
            && !is_link_local(address.net.addr())
    };
    let prefixes: Vec<_> = node.ends().flat_map(Address::of).filter(shared).collect();
    for (index, address) in prefixes.iter().enumerate() {
        let mut before = prefixes.iter().take(index);
        let other = before.find(|other| {
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
            findings
                .error(address.place(), message)
                .related(other.place(), format!("`{one}`"))
                .hint("give each link a subnet of its own, or one of the two ends a host address (/32, /128)");
        }
    }
}

/// Two ends must reach each other: one's prefix must contain the other's address, in each family that both have. Ends
/// with nothing but host addresses are reached by routes.
fn check_reach(
    near: &[Address<'_>],
    far: &[Address<'_>],
    far_title: &str,
    findings: &mut Findings,
) {
    for ipv6 in [false, true] {
        let family = |address: &&Address<'_>| {
            address.net.addr().is_ipv6() == ipv6 && !is_link_local(address.net.addr())
        };
        let near: Vec<_> = near.iter().filter(family).collect();
        let far: Vec<_> = far.iter().filter(family).collect();
        let (Some(first), Some(other)) = (near.first(), far.first()) else {
            continue;
        };
        let mut all = near.iter().chain(&far);
        let host_only = all.all(|address| address.net.prefix_len() == address.net.max_prefix_len());
        let reach = |one: &Address<'_>, two: &Address<'_>| one.net.contains(&two.net.addr());
        let mut meet = near
            .iter()
            .flat_map(|one| far.iter().map(move |two| (one, two)));
        if !host_only && !meet.any(|(one, two)| reach(one, two) || reach(two, one)) {
            let title = first.end.title();
            findings
                .error(
                    first.place(),
                    format!("`{title}` and {far_title} share no subnet: neither reaches the other"),
                )
                .related(other.place(), "the other end")
                .hint("give both ends addresses of one subnet");
        }
    }
}
