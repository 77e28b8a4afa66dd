//! Waits until the kernel uses links that have come up.
//!
//! A veth has carrier once both its ends are up, but the end that came up first learns of it from a worker (linkwatch),
//! which runs once a second for links whose index is that of their peer's. Until then the end has no IPv6 link-local
//! address, and another worker has to make that usable; without one a router asks for no neighbour (`ndisc_send_ns`,
//! net/ipv6/ndisc.c) and IPv6 packets wait.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, State};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::Setting;
use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::kernel::netns::Netns;
use crate::observe::LOCAL_TABLE;
use crate::wire::veth;

/// How long to wait for one namespace: linkwatch runs at least once a second.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until the links that settings bring up in a node's namespace are in operation, where their other ends are up as
/// well, and its IPv6 addresses usable; at most two seconds. To be called after the namespaces of *both* ends were told
/// their settings.
///
/// # Errors
/// [`NetlinkError`], if the namespace cannot be entered or a link not be read. A link that does not exist is no error.
pub fn settle(netns: &Netns, settings: &[Setting]) -> Result<(), NetlinkError> {
    let mut socket = Netlink::route(netns)?;
    let deadline = Instant::now() + PATIENCE;
    wait_for_links(&mut socket, settings, deadline)?;
    while !are_usable(&mut socket, 0, &|_| true)? && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// The same for one link, of any namespace, and of its IPv6 addresses only those that `counts` takes.
///
/// # Errors
/// As [`settle`].
pub fn settle_link(
    socket: &mut Netlink,
    name: &str,
    counts: impl Fn(&Ipv6Addr) -> bool,
) -> Result<(), NetlinkError> {
    let deadline = Instant::now() + PATIENCE;
    while is_coming_up(socket, name)? && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    let Some(RouteNetlinkMessage::NewLink(link)) = socket.get(veth::by_name(name))? else {
        return Ok(());
    };
    let index = link.header.index;
    while !are_usable(socket, index, &counts)? && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// The same for the host's namespace: its IPv6 addresses are not waited for, since duplicate address detection, which a
/// node does without, takes a second there.
///
/// # Errors
/// As [`settle`].
pub fn settle_host(netns: &Netns, settings: &[Setting]) -> Result<(), NetlinkError> {
    let mut socket = Netlink::route(netns)?;
    wait_for_links(&mut socket, settings, Instant::now() + PATIENCE)
}

/// From Linux 6.8 on, asking for a link brings it into operation (`linkwatch_sync_dev` in `rtnl_getlink`).
fn wait_for_links(
    socket: &mut Netlink,
    settings: &[Setting],
    deadline: Instant,
) -> Result<(), NetlinkError> {
    for setting in settings {
        let Setting::LinkUp { interface } = setting else {
            continue;
        };
        while is_coming_up(socket, interface.as_str())? && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Whether all IPv6 addresses that count are usable, of the link of that index or, with 0, of all links: the kernel has joined an address's multicast group, through which neighbours
/// ask for it, when there is a local route to it (`addrconf_dad_begin` and `addrconf_dad_completed`, net/ipv6/addrconf.c).
fn are_usable(
    socket: &mut Netlink,
    index: u32,
    counts: &dyn Fn(&Ipv6Addr) -> bool,
) -> Result<bool, NetlinkError> {
    let mut addresses = AddressMessage::default();
    addresses.header.family = AddressFamily::Inet6;
    addresses.header.index = index;
    let addresses = match socket.dump(&RouteNetlinkMessage::GetAddress(addresses)) {
        // A kernel without IPv6.
        Err(error) if error.errno() == Some(Errno::EOPNOTSUPP) => return Ok(true),
        found => found?,
    };
    let mut routes = RouteMessage::default();
    routes.header.address_family = AddressFamily::Inet6;
    let table = RouteAttribute::Table(LOCAL_TABLE);
    routes.attributes.push(table);
    if index != 0 {
        routes.attributes.push(RouteAttribute::Oif(index));
    }
    let routes = match socket.dump(&RouteNetlinkMessage::GetRoute(routes)) {
        // The kernel filters by table, and has no local one before the first address.
        Err(error) if error.errno() == Some(Errno::ENOENT) => Vec::new(),
        found => found?,
    };
    let local: HashSet<Ipv6Addr> = routes.iter().filter_map(destination).collect();
    Ok(addresses
        .iter()
        .filter_map(pending)
        .filter(counts)
        .all(|address| local.contains(&address)))
}

/// The address of a message, unless it is found to be another node's as well: then it will never be usable.
fn pending(message: &RouteNetlinkMessage) -> Option<Ipv6Addr> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    if message.header.flags.contains(AddressHeaderFlags::Dadfailed) {
        return None;
    }
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(IpAddr::V6(address)) => Some(*address),
            _ => None,
        })
}

/// The destination of a local route.
fn destination(message: &RouteNetlinkMessage) -> Option<Ipv6Addr> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    if message.header.kind != RouteType::Local {
        return None;
    }
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(*address),
            _ => None,
        })
}

/// Whether a link has carrier, but is not in operation yet.
fn is_coming_up(socket: &mut Netlink, interface: &str) -> Result<bool, NetlinkError> {
    match socket.get(veth::by_name(interface)) {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => {
            Ok(link.header.flags.contains(LinkFlags::LowerUp) && !is_up(&link))
        }
        Ok(_) => Ok(false),
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_up(link: &LinkMessage) -> bool {
    link.attributes
        .contains(&LinkAttribute::OperState(State::Up))
}
