//! The netlink messages about veth pairs (veth(4)): pure, from values to requests.

use std::os::fd::RawFd;

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkMessage, Prop,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::{Wire, WireEnd};
use crate::name::InterfaceName;

/// `IFLA_ALT_IFNAME` (`linux/if_link.h`), by which a link can be named in any request.
const ALTERNATIVE_NAME: u16 = 53;

/// Queues of each direction that an end has unless it is tuned. A pair that does not say how many gets one for each CPU that the host
/// might ever have (`veth_get_num_queues`, drivers/net/veth.c), of which all but one are at once taken away again: more
/// memory and time, and an RCU grace period for which every CPU is interrupted, isolated ones as well.
const QUEUES: u32 = 1;

/// `RTM_NEWLINK` of the whole pair: both ends in their namespaces (`IFLA_NET_NS_FD`), with final names, MAC addresses, MTU,
/// group and queues. The kernel takes no alternative names here, and refuses a peer that is up (ENOTCONN).
pub(crate) fn create(wire: &Wire, namespaces: [RawFd; 2]) -> RouteNetlinkMessage {
    let [one, other] = &wire.ends;
    let peer = LinkMessageBuilder::<LinkUnspec>::default();
    let peer = end(peer, wire, other, namespaces[1]);
    let pair = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
    RouteNetlinkMessage::NewLink(end(pair, wire, one, namespaces[0]))
}

fn end(
    link: LinkMessageBuilder<LinkUnspec>,
    wire: &Wire,
    end: &WireEnd,
    namespace: RawFd,
) -> LinkMessage {
    let link = link
        .name(end.interface.to_string())
        .address(end.mac.bytes().to_vec())
        .mtu(wire.mtu)
        .link_group(end.group.unwrap_or(wire.group))
        .setns_by_fd(namespace);
    let mut message = link.build();
    let channels = end.tuning.channels.as_ref();
    let queues = |number: Option<u32>| number.unwrap_or(QUEUES);
    message.attributes.extend([
        LinkAttribute::NumTxQueues(queues(channels.and_then(|channels| channels.tx))),
        LinkAttribute::NumRxQueues(queues(channels.and_then(|channels| channels.rx))),
    ]);
    message
}

/// `RTM_NEWLINKPROP`: adds an alternative name to an interface, the mark of ownership.
pub(crate) fn mark(interface: &InterfaceName, altname: &str) -> RouteNetlinkMessage {
    RouteNetlinkMessage::NewLinkProp(altname_of(interface, altname))
}

/// `RTM_DELLINKPROP`: takes it away.
pub(crate) fn unmark(interface: &InterfaceName, altname: &str) -> RouteNetlinkMessage {
    RouteNetlinkMessage::DelLinkProp(altname_of(interface, altname))
}

fn altname_of(interface: &InterfaceName, altname: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(interface.to_string()),
        LinkAttribute::PropList(vec![Prop::AltIfName(altname.to_owned())]),
    ];
    message
}

/// `RTM_GETLINK` by name, first or alternative: for a lookup the kernel takes either as `IFLA_ALT_IFNAME`, which unlike
/// `IFLA_IFNAME` may be longer than 15 bytes.
pub(crate) fn by_name(name: &str) -> RouteNetlinkMessage {
    let mut value = name.as_bytes().to_vec();
    value.push(0);
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::Other(DefaultNla::new(
        ALTERNATIVE_NAME,
        value,
    ))];
    RouteNetlinkMessage::GetLink(message)
}

/// `RTM_SETLINK` of a link's group.
pub(crate) fn regroup(index: u32, group: u32) -> RouteNetlinkMessage {
    RouteNetlinkMessage::SetLink(LinkUnspec::new_with_index(index).link_group(group).build())
}

/// `RTM_NEWLINK` of nothing new: all links of a group come up or go down, in one hold of the kernel's lock
/// (`rtnl_group_changelink`, net/core/rtnetlink.c).
pub(crate) fn raise_group(group: u32, up: bool) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.change_mask = LinkFlags::Up;
    message.header.flags.set(LinkFlags::Up, up);
    message.attributes = vec![LinkAttribute::Group(group)];
    RouteNetlinkMessage::NewLink(message)
}

/// `RTM_DELLINK` of one link.
pub(crate) fn delete(index: u32) -> RouteNetlinkMessage {
    RouteNetlinkMessage::DelLink(LinkUnspec::new_with_index(index).build())
}

/// `RTM_DELLINK` of all links of a group: one pass, and one wait, for all of them.
pub(crate) fn delete_group(group: u32) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::Group(group)];
    RouteNetlinkMessage::DelLink(message)
}
