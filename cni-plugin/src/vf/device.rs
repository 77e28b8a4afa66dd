//! The interface of a virtual function: where it is, how it gets into a container's network namespace and back.
//!
//! It is known by its PCI address (`IFLA_PARENT_DEV_NAME`, Linux 5.14): whoever is in the container may rename it, give it
//! another MAC address or MTU, and the kernel moves it home when the namespace dies.

use std::os::fd::{AsRawFd, RawFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, Prop};
use nix::errno::Errno;
use rtnetlink::LinkUnspec;
use serde::{Deserialize, Serialize};

use super::address::PciAddress;
use crate::name::{InterfaceName, MacAddress};
use crate::netlink::{Batch, Netlink, NetlinkError};
use crate::netns::Netns;

/// An interface as it was found: all that is restored, and its index, which only holds in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Alternative names.
    #[serde(default)]
    pub altnames: Vec<String>,
    /// MAC address.
    pub mac: MacAddress,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// Length of the transmit queue, packets.
    pub queue: u32,
    /// Whether it is up.
    #[serde(default)]
    pub up: bool,
    /// Whether it takes all frames.
    #[serde(default)]
    pub promiscuous: bool,
    /// Whether it takes all multicast frames.
    #[serde(default)]
    pub allmulticast: bool,
}

/// What an interface is to be in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inside {
    /// Name.
    pub name: InterfaceName,
    /// MAC address.
    pub mac: MacAddress,
    /// MTU, bytes; absent stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Alternative name: the mark of ownership.
    pub altname: String,
    /// Whether it takes all frames.
    #[serde(default)]
    pub promiscuous: bool,
    /// Whether it takes all multicast frames.
    #[serde(default)]
    pub allmulticast: bool,
}

/// Flags that are set and restored.
const FLAGS: LinkFlags = LinkFlags::Up
    .union(LinkFlags::Promisc)
    .union(LinkFlags::Allmulti);

/// The interface of a PCI device in a namespace.
pub(crate) fn find(netns: &Netns, address: PciAddress) -> Result<Option<Device>, NetlinkError> {
    let mut socket = Netlink::route(netns)?;
    let links = socket.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let mut found: Vec<Device> = links
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => of(&link, address),
            _ => None,
        })
        .collect();
    found.sort_by_key(|device| device.index);
    Ok(found.into_iter().next())
}

/// The interface of an index, if it is that of a PCI device.
pub(crate) fn get(
    socket: &mut Netlink,
    index: u32,
    address: PciAddress,
) -> Result<Option<Device>, NetlinkError> {
    let message = LinkUnspec::new_with_index(index).build();
    match socket.get(RouteNetlinkMessage::GetLink(message)) {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(of(&link, address)),
        Ok(_) => Ok(None),
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The interface of a name, if it is that of a PCI device.
pub(crate) fn named(
    socket: &mut Netlink,
    name: &str,
    address: PciAddress,
) -> Result<Option<Device>, NetlinkError> {
    match socket.get(crate::veth::by_name(name)) {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(of(&link, address)),
        Ok(_) => Ok(None),
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A link, if it is the Ethernet interface of a PCI device.
fn of(link: &LinkMessage, address: PciAddress) -> Option<Device> {
    if link.header.link_layer_type != LinkLayerType::Ether {
        return None;
    }
    let flags = link.header.flags;
    let (mut parent, mut mac, mut name) = (None, None, None);
    let (mut mtu, mut queue, mut altnames) = (0, 0, Vec::new());
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::ParentDevName(name) => parent = name.parse().ok(),
            LinkAttribute::IfName(found) => name = Some(found.clone()),
            LinkAttribute::Address(bytes) => mac = <[u8; 6]>::try_from(&bytes[..]).ok(),
            LinkAttribute::Mtu(found) => mtu = *found,
            LinkAttribute::TxQueueLen(found) => queue = *found,
            LinkAttribute::PropList(names) => {
                altnames = names.iter().filter_map(altname).collect();
            }
            _ => {}
        }
    }
    let device = Device {
        index: link.header.index,
        name: name?,
        altnames,
        mac: MacAddress::from_bytes(mac?),
        mtu,
        queue,
        up: flags.contains(LinkFlags::Up),
        promiscuous: flags.contains(LinkFlags::Promisc),
        allmulticast: flags.contains(LinkFlags::Allmulti),
    };
    (parent == Some(address)).then_some(device)
}

fn altname(name: &Prop) -> Option<String> {
    match name {
        Prop::AltIfName(name) => Some(name.clone()),
        _ => None,
    }
}

/// Gives an interface a MAC address.
pub(crate) fn set_mac(
    socket: &mut Netlink,
    index: u32,
    mac: MacAddress,
) -> Result<(), NetlinkError> {
    let message = LinkUnspec::new_with_index(index)
        .address(mac.bytes().to_vec())
        .build();
    socket.request(RouteNetlinkMessage::SetLink(message), 0)
}

/// Replaces all alternative names: the mark alone goes along, since any of the others may be another interface's first
/// name in the container, and the kernel then refuses the move ("file exists").
pub(crate) fn mark(
    socket: &mut Netlink,
    device: &Device,
    altname: &str,
) -> Result<(), NetlinkError> {
    let mut batch = Batch::default();
    if !device.altnames.is_empty() {
        batch.push(
            RouteNetlinkMessage::DelLinkProp(names(device.index, &device.altnames)),
            0,
        );
    }
    let names = names(device.index, &[altname.to_owned()]);
    batch.push(RouteNetlinkMessage::NewLinkProp(names), 0);
    refuse_any(socket.execute(batch)?)
}

/// Moves an interface into a container, with its name, MTU and flags, and up: one request. The kernel moves first, so
/// that nobody on the host sees the new name.
pub(crate) fn enter(
    socket: &mut Netlink,
    device: &Device,
    netns: &Netns,
    inside: &Inside,
) -> Result<(), NetlinkError> {
    let mut link = LinkUnspec::new_with_index(device.index)
        .setns_by_fd(netns.as_raw_fd())
        .name(inside.name.to_string());
    if let Some(mtu) = inside.mtu.filter(|mtu| *mtu != device.mtu) {
        link = link.mtu(mtu);
    }
    let mut message = link.build();
    message.header.change_mask = FLAGS;
    message.header.flags = flags(true, inside.promiscuous, inside.allmulticast);
    socket.request(RouteNetlinkMessage::SetLink(message), 0)
}

/// Moves an interface home under its first name. If that is taken by now it gets one that the kernel chooses.
pub(crate) fn leave(
    socket: &mut Netlink,
    device: &Device,
    home: RawFd,
    name: &str,
) -> Result<(), NetlinkError> {
    let go = |name: &str| {
        LinkUnspec::new_with_index(device.index)
            .setns_by_fd(home)
            .name(name.to_owned())
            .build()
    };
    // It must not keep what the container has it do while it is on its way.
    let mut down = LinkUnspec::new_with_index(device.index).build();
    down.header.change_mask = FLAGS;
    socket.request(RouteNetlinkMessage::SetLink(down), 0)?;
    match socket.request(RouteNetlinkMessage::SetLink(go(name)), 0) {
        Err(error) if error.errno() == Some(Errno::EEXIST) => {
            match socket.request(RouteNetlinkMessage::SetLink(go(FALLBACK)), 0) {
                // The first request had moved it, and was refused the name only.
                Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(()),
                moved => moved,
            }
        }
        moved => moved,
    }
}

/// The pattern by which the kernel names an interface whose own name is taken, as when a namespace dies
/// (`default_device_exit_net`, net/core/dev.c).
const FALLBACK: &str = "dev%d";

/// Makes an interface that is at home what it was, but for its MAC address. Whether the first name could be given back:
/// another interface may have it.
pub(crate) fn restore(
    socket: &mut Netlink,
    device: &Device,
    original: &Device,
) -> Result<bool, NetlinkError> {
    let mut batch = Batch::default();
    // Renaming an interface that is up is refused before Linux 6.2.
    let mut down = LinkUnspec::new_with_index(device.index).build();
    down.header.change_mask = FLAGS;
    batch.push(RouteNetlinkMessage::SetLink(down), 0);
    let surplus: Vec<String> = difference(&device.altnames, &original.altnames);
    if !surplus.is_empty() {
        let names = names(device.index, &surplus);
        batch.push(RouteNetlinkMessage::DelLinkProp(names), 0);
    }
    refuse_any(socket.execute(batch)?)?;
    let named = device.name == original.name || rename(socket, device.index, &original.name)?;
    let mut batch = Batch::default();
    for altname in difference(&original.altnames, &device.altnames) {
        let names = names(device.index, &[altname]);
        batch.push(RouteNetlinkMessage::NewLinkProp(names), 0);
    }
    // One that another interface has by now is lost.
    socket.execute(batch)?;
    let link = LinkUnspec::new_with_index(device.index).mtu(original.mtu);
    let mut message = link.build();
    message
        .attributes
        .push(LinkAttribute::TxQueueLen(original.queue));
    message.header.change_mask = FLAGS;
    message.header.flags = flags(original.up, original.promiscuous, original.allmulticast);
    socket.request(RouteNetlinkMessage::SetLink(message), 0)?;
    Ok(named)
}

/// Brings an interface up and down again: its driver resets the virtual function when it comes up.
pub(crate) fn cycle(socket: &mut Netlink, index: u32) -> Result<(), NetlinkError> {
    for up in [true, false] {
        let mut message = LinkUnspec::new_with_index(index).build();
        message.header.change_mask = LinkFlags::Up;
        message.header.flags.set(LinkFlags::Up, up);
        socket.request(RouteNetlinkMessage::SetLink(message), 0)?;
    }
    Ok(())
}

fn rename(socket: &mut Netlink, index: u32, name: &str) -> Result<bool, NetlinkError> {
    let message = LinkUnspec::new_with_index(index)
        .name(name.to_owned())
        .build();
    match socket.request(RouteNetlinkMessage::SetLink(message.clone()), 0) {
        Err(error) if error.errno() == Some(Errno::EEXIST) => {}
        renamed => return renamed.map(|()| true),
    }
    // udev gives an interface that came home under another name its first one as an alternative.
    let own = names(index, &[name.to_owned()]);
    if socket
        .request(RouteNetlinkMessage::DelLinkProp(own), 0)
        .is_err()
    {
        return Ok(false);
    }
    match socket.request(RouteNetlinkMessage::SetLink(message), 0) {
        Err(error) if error.errno() == Some(Errno::EEXIST) => Ok(false),
        renamed => renamed.map(|()| true),
    }
}

fn names(index: u32, names: &[String]) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    let names = names.iter().cloned().map(Prop::AltIfName);
    message.attributes = vec![LinkAttribute::PropList(names.collect())];
    message
}

fn difference(these: &[String], those: &[String]) -> Vec<String> {
    let missing = these.iter().filter(|name| !those.contains(name));
    missing.cloned().collect()
}

fn flags(up: bool, promiscuous: bool, allmulticast: bool) -> LinkFlags {
    let mut flags = LinkFlags::empty();
    flags.set(LinkFlags::Up, up);
    flags.set(LinkFlags::Promisc, promiscuous);
    flags.set(LinkFlags::Allmulti, allmulticast);
    flags
}

fn refuse_any(refused: Vec<crate::netlink::Refused>) -> Result<(), NetlinkError> {
    match refused.into_iter().next() {
        None => Ok(()),
        Some(refused) => Err(NetlinkError::Refused(refused.refusal)),
    }
}
