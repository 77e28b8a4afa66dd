//! Settings as netlink messages: pure, given the indices of the interfaces.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol,
    RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use netlink_packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use rtnetlink::LinkUnspec;

use crate::annotation::{Family, Neighbour, Protocol, Route, Rule};
use crate::name::InterfaceName;
use crate::wire::veth;

/// Whether a setting comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Apply,
    Remove,
}

/// Brings an interface up or down.
pub(super) fn link(index: u32, way: Way) -> (RouteNetlinkMessage, u16) {
    let link = LinkUnspec::new_with_index(index);
    let link = match way {
        Way::Apply => link.up(),
        Way::Remove => link.down(),
    };
    (RouteNetlinkMessage::SetLink(link.build()), 0)
}

/// Brings all interfaces of a group up or down.
pub(super) fn group(group: u32, way: Way) -> (RouteNetlinkMessage, u16) {
    (veth::raise_group(group, way == Way::Apply), 0)
}

/// Adds or deletes an address, `alone` without a route to its network.
pub(super) fn address(
    index: u32,
    address: IpNet,
    alone: bool,
    way: Way,
) -> (RouteNetlinkMessage, u16) {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix_len();
    message.header.family = address_family(Family::of(address.addr()));
    // For IPv4 the kernel wants the address as IFA_LOCAL; IFA_ADDRESS is the peer's, the same without one.
    message
        .attributes
        .push(AddressAttribute::Address(address.addr()));
    if address.addr().is_ipv4() {
        message
            .attributes
            .push(AddressAttribute::Local(address.addr()));
    }
    if way == Way::Remove {
        return (RouteNetlinkMessage::DelAddress(message), 0);
    }
    let mut flags = AddressFlags::empty();
    // Nobody else can have it: it is usable at once, without duplicate address detection (RFC 4862).
    flags.set(AddressFlags::Nodad, address.addr().is_ipv6());
    flags.set(AddressFlags::Noprefixroute, alone);
    if !flags.is_empty() {
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    (
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Adds or deletes an alternative name.
pub(super) fn altname(
    interface: &InterfaceName,
    name: &str,
    way: Way,
) -> (RouteNetlinkMessage, u16) {
    match way {
        Way::Apply => (veth::mark(interface, name), NLM_F_EXCL),
        Way::Remove => (veth::unmark(interface, name), 0),
    }
}

/// Adds or deletes a permanent neighbour.
pub(super) fn neighbour(index: u32, neighbour: &Neighbour, way: Way) -> (RouteNetlinkMessage, u16) {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = index;
    message.header.family = address_family(Family::of(neighbour.ip));
    message.header.state = NeighbourState::Permanent;
    message.header.kind = RouteType::Unicast;
    let address = match neighbour.ip {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![NeighbourAttribute::Destination(address)];
    if way == Way::Remove {
        return (RouteNetlinkMessage::DelNeighbour(message), 0);
    }
    let mac = neighbour.mac.bytes().to_vec();
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac));
    (
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Adds or deletes a route; `index` is that of the route's interface, if it names one.
pub(super) fn route(index: Option<u32>, route: &Route, way: Way) -> (RouteNetlinkMessage, u16) {
    let family = route.family();
    let table = route.table.unwrap_or(RouteHeader::RT_TABLE_MAIN.into());
    let mut message = RouteMessage::default();
    message.header.address_family = address_family(family);
    // Tables beyond 255 do not fit the header: RT_TABLE_UNSPEC there, and the attribute counts.
    message.header.table = table.try_into().unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    let protocol = route.protocol.map(RouteProtocol::from);
    message.header.protocol = protocol.unwrap_or(RouteProtocol::Static);
    message.header.kind = RouteType::Unicast;
    let scope = match route.via {
        None if family == Family::V4 => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    message.header.scope = route.scope.map_or(scope, RouteScope::from);
    if let Some(prefix) = route.to.prefix() {
        message.header.destination_prefix_length = prefix.prefix_len();
        message
            .attributes
            .push(RouteAttribute::Destination(prefix.addr().into()));
    }
    let source = route.source.map(RouteAddress::from);
    let mut metrics = Vec::new();
    metrics.extend(route.mtu.map(RouteMetric::Mtu));
    metrics.extend(route.advmss.map(RouteMetric::Advmss));
    let rest = [
        Some(RouteAttribute::Table(table)),
        route.via.map(|via| next_hop(family, via)),
        index.map(RouteAttribute::Oif),
        source.map(RouteAttribute::PrefSource),
        route.metric.map(RouteAttribute::Priority),
        (!metrics.is_empty()).then_some(RouteAttribute::Metrics(metrics)),
    ];
    message.attributes.extend(rest.into_iter().flatten());
    match way {
        // Not NLM_F_REPLACE: it would put the route in the place of the kernel's own to a connected network.
        Way::Apply => (
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_EXCL,
        ),
        Way::Remove => (RouteNetlinkMessage::DelRoute(message), 0),
    }
}

/// An IPv6 next hop of an IPv4 destination (RFC 5549) has an attribute of its own, `RTA_VIA`.
fn next_hop(family: Family, via: IpAddr) -> RouteAttribute {
    match via {
        IpAddr::V6(via) if family == Family::V4 => RouteAttribute::Via(RouteVia::Inet6(via)),
        via => RouteAttribute::Gateway(via.into()),
    }
}

/// Adds or deletes a policy routing rule.
pub(super) fn rule(rule: &Rule, way: Way) -> (RouteNetlinkMessage, u16) {
    let family = rule.family();
    let mut message = RuleMessage::default();
    message.header.family = address_family(family);
    message.header.action = RuleAction::ToTable;
    message.header.table = rule
        .table
        .try_into()
        .unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.src_len = rule.from.map_or(0, |from| from.prefix_len());
    message.header.dst_len = rule.to.map_or(0, |to| to.prefix_len());
    message.attributes = selectors(rule, family);
    match way {
        Way::Apply => (
            RouteNetlinkMessage::NewRule(message),
            NLM_F_CREATE | NLM_F_EXCL,
        ),
        Way::Remove => (RouteNetlinkMessage::DelRule(message), 0),
    }
}

/// A rule's place, table and selectors.
fn selectors(rule: &Rule, family: Family) -> Vec<RuleAttribute> {
    let protocol = rule.protocol.map(|protocol| ip_protocol(family, protocol));
    let range = |port| RulePortRange {
        start: port,
        end: port,
    };
    let name = rule.interface.as_ref().map(ToString::to_string);
    let attributes = [
        Some(RuleAttribute::Priority(rule.priority)),
        Some(RuleAttribute::Table(rule.table)),
        rule.from.map(|from| RuleAttribute::Source(from.network())),
        rule.to.map(|to| RuleAttribute::Destination(to.network())),
        name.map(RuleAttribute::Iifname),
        protocol.map(RuleAttribute::IpProtocol),
        rule.source_port
            .map(range)
            .map(RuleAttribute::SourcePortRange),
        rule.destination_port
            .map(range)
            .map(RuleAttribute::DestinationPortRange),
    ];
    attributes.into_iter().flatten().collect()
}

/// The protocol's number; ICMP of an IPv6 rule is `ICMPv6` (RFC 4443).
fn ip_protocol(family: Family, protocol: Protocol) -> IpProtocol {
    match (protocol, family) {
        (Protocol::Icmp, Family::V4) => IpProtocol::Icmp,
        (Protocol::Icmp, Family::V6) => IpProtocol::Other(libc::IPPROTO_ICMPV6),
        (Protocol::Tcp, _) => IpProtocol::Tcp,
        (Protocol::Udp, _) => IpProtocol::Udp,
    }
}

fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}
