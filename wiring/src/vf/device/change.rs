//! Changes the interface of a virtual function: its name, MAC address, flags, and the namespace that it is in.

use std::os::fd::{AsRawFd, RawFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Prop};
use nix::errno::Errno;
use rtnetlink::LinkUnspec;

use super::{Device, Inside};
use crate::kernel::netlink::{Batch, Netlink, NetlinkError};
use crate::kernel::netns::Netns;
use crate::name::MacAddress;

/// Flags that are set and restored.
const FLAGS: LinkFlags = LinkFlags::Up
    .union(LinkFlags::Promisc)
    .union(LinkFlags::Allmulti);

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

fn refuse_any(refused: Vec<crate::kernel::netlink::Refused>) -> Result<(), NetlinkError> {
    match refused.into_iter().next() {
        None => Ok(()),
        Some(refused) => Err(NetlinkError::Refused(refused.refusal)),
    }
}
