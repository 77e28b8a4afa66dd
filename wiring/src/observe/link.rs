//! Links as they are found.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    LinkAttribute, LinkFlags, LinkMessage, LinkXdp, Prop, State, Stats64, XdpAttached,
};
use serde::Serialize;

use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::name::MacAddress;

/// A link that is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedLink {
    /// Index, unique within the namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Alternative names.
    pub altnames: Vec<String>,
    /// MAC address, where it has one of six bytes.
    pub mac: Option<MacAddress>,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// Whether it is administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether the other end is there and up (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// Operational state (RFC 2863) in lower case: `up`, `down`, `lowerlayerdown`, `unknown`, …
    pub state: String,
    /// Index of the bridge or other device that it belongs to.
    pub master: Option<u32>,
    /// Group.
    pub group: u32,
    /// XDP program that is attached.
    pub xdp: Option<ObservedXdp>,
    /// Index of its peer, in the peer's namespace.
    pub peer: Option<u32>,
    /// What it has counted.
    pub counters: Counters,
}

/// An XDP program that is attached to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedXdp {
    /// In the driver (native) rather than in the network stack (generic).
    pub native: bool,
    /// Id of the program.
    pub program: u32,
}

/// What a link has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the names are those of struct rtnl_link_stats64 (linux/if_link.h)"
)]
pub struct Counters {
    pub rx_packets: u64,
    pub tx_packets: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_errors: u64,
    pub tx_errors: u64,
    pub rx_dropped: u64,
    pub tx_dropped: u64,
}

/// The links of a namespace.
pub(super) fn links(socket: &mut Netlink) -> Result<Vec<ObservedLink>, NetlinkError> {
    let found = socket.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(found.into_iter().filter_map(link).collect())
}

fn link(message: RouteNetlinkMessage) -> Option<ObservedLink> {
    let RouteNetlinkMessage::NewLink(message) = message else {
        return None;
    };
    let mut link = ObservedLink {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
        ..ObservedLink::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::PropList(names) => {
                link.altnames = names.into_iter().filter_map(altname).collect();
            }
            LinkAttribute::Address(bytes) => {
                link.mac = bytes.try_into().ok().map(MacAddress::from_bytes);
            }
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::OperState(state) => link.state = name(state),
            LinkAttribute::Controller(index) => link.master = Some(index),
            LinkAttribute::Group(group) => link.group = group,
            LinkAttribute::Xdp(attributes) => link.xdp = xdp(&attributes),
            LinkAttribute::Link(index) => link.peer = Some(index),
            LinkAttribute::Stats64(stats) => link.counters = counters(&stats),
            _ => {}
        }
    }
    Some(link)
}

fn altname(name: Prop) -> Option<String> {
    match name {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    }
}

fn name(state: State) -> String {
    format!("{state:?}").to_lowercase()
}

fn xdp(attributes: &[LinkXdp]) -> Option<ObservedXdp> {
    let (mut native, mut program) = (None, None);
    for attribute in attributes {
        match attribute {
            LinkXdp::Attached(XdpAttached::Driver) => native = Some(true),
            LinkXdp::Attached(XdpAttached::SocketBuffer) => native = Some(false),
            LinkXdp::ProgId(id) => program = Some(*id),
            _ => {}
        }
    }
    Some(ObservedXdp {
        native: native?,
        program: program?,
    })
}

fn counters(stats: &Stats64) -> Counters {
    Counters {
        rx_packets: stats.rx_packets,
        tx_packets: stats.tx_packets,
        rx_bytes: stats.rx_bytes,
        tx_bytes: stats.tx_bytes,
        rx_errors: stats.rx_errors,
        tx_errors: stats.tx_errors,
        rx_dropped: stats.rx_dropped,
        tx_dropped: stats.tx_dropped,
    }
}
