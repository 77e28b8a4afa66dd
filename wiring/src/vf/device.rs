//! The interface of a virtual function: where it is, how it gets into a container's network namespace and back.
//!
//! It is known by its PCI address (`IFLA_PARENT_DEV_NAME`, Linux 5.14): whoever is in the container may rename it, give it
//! another MAC address or MTU, and the kernel moves it home when the namespace dies.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, Prop};
use nix::errno::Errno;
use rtnetlink::LinkUnspec;
use serde::{Deserialize, Serialize};

use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::kernel::netns::Netns;
use crate::machine::address::PciAddress;
use crate::name::{InterfaceName, MacAddress};

mod change;

pub(crate) use change::{cycle, enter, leave, mark, restore, set_mac};

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

/// The interface of a PCI device in a namespace.
pub fn find(netns: &Netns, address: PciAddress) -> Result<Option<Device>, NetlinkError> {
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
    match socket.get(crate::wire::veth::by_name(name)) {
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
