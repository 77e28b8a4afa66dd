//! What is found in a network namespace: links, addresses and routes, typed, read by netlink dumps.
//!
//! Read-only. What ought to be there is said by [`crate::wire`] and [`crate::setting`].

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::Serialize;

use crate::annotation::{Destination, Route};
use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::kernel::netns::Netns;

mod link;

pub use link::{Counters, ObservedLink, ObservedXdp};

/// The table that routes are in unless they say otherwise (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;
/// The table of the kernel's own addresses and broadcasts (`RT_TABLE_LOCAL`).
pub(crate) const LOCAL_TABLE: u32 = 255;
/// The metric of an IPv6 route that was given none (`IP6_RT_PRIO_USER`, `net/ip6_route.h`).
pub const DEFAULT_METRIC_V6: u32 = 1024;

/// What is found in a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Links, by index, the loopback interface included.
    pub links: Vec<ObservedLink>,
    /// Addresses, those of the loopback interface and IPv6 link-local ones included.
    pub addresses: Vec<ObservedAddress>,
    /// Unicast routes, those that the kernel made for connected networks included, but not the local table.
    pub routes: Vec<ObservedRoute>,
}

/// An address that is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedAddress {
    /// Index of its interface.
    pub index: u32,
    /// The address and its prefix length.
    pub address: IpNet,
}

/// A route that is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservedRoute {
    /// Destination.
    pub to: Destination,
    /// Whether it is an IPv6 route, which a default route alone does not tell.
    pub v6: bool,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// Index of the interface that it leaves by.
    pub index: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Table.
    pub table: u32,
    /// Metric; absent is 0.
    pub metric: Option<u32>,
    /// Whether the kernel made it itself, for a connected network.
    pub by_kernel: bool,
}

impl ObservedRoute {
    /// Whether this is a route as a manifest describes it; `index` is that of the interface that it names, if any.
    pub fn is(&self, route: &Route, index: Option<u32>) -> bool {
        let v6 = route.is_v6();
        let metric = route
            .metric
            .or(v6.then_some(DEFAULT_METRIC_V6))
            .unwrap_or(0);
        self.v6 == v6
            && self.to.prefix() == route.to.prefix()
            && self.via == route.via
            && (index.is_none() || self.index == index)
            && (route.source.is_none() || self.source == route.source)
            && self.table == route.table.unwrap_or(MAIN_TABLE)
            && self.metric.unwrap_or(0) == metric
    }
}

impl Observation {
    /// The link of a name, first or alternative.
    pub fn link(&self, name: &str) -> Option<&ObservedLink> {
        self.links
            .iter()
            .find(|link| link.name == name || link.altnames.iter().any(|altname| altname == name))
    }

    /// The addresses of a link.
    pub fn addresses_of(&self, link: &ObservedLink) -> impl Iterator<Item = IpNet> {
        let index = link.index;
        self.addresses
            .iter()
            .filter(move |address| address.index == index)
            .map(|address| address.address)
    }
}

/// Reads a namespace.
///
/// # Errors
/// [`NetlinkError`], of the first dump that failed.
pub fn observe(netns: &Netns) -> Result<Observation, NetlinkError> {
    let mut socket = Netlink::route(netns)?;
    let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let addresses = socket
        .dump(&addresses)?
        .into_iter()
        .filter_map(address)
        .collect();
    Ok(Observation {
        links: link::links(&mut socket)?,
        addresses,
        routes: routes(&mut socket)?,
    })
}

/// The unicast routes of both families and all tables but the local one.
pub fn routes(socket: &mut Netlink) -> Result<Vec<ObservedRoute>, NetlinkError> {
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let found = match socket.dump(&RouteNetlinkMessage::GetRoute(message)) {
            // A kernel without IPv6.
            Err(error) if error.errno() == Some(nix::errno::Errno::EOPNOTSUPP) => continue,
            found => found?,
        };
        routes.extend(found.into_iter().filter_map(route));
    }
    Ok(routes)
}

fn address(message: RouteNetlinkMessage) -> Option<ObservedAddress> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let (mut local, mut peer) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => peer = Some(*address),
            _ => {}
        }
    }
    let address = IpNet::new(local.or(peer)?, message.header.prefix_len).ok()?;
    Some(ObservedAddress {
        index: message.header.index,
        address,
    })
}

fn route(message: RouteNetlinkMessage) -> Option<ObservedRoute> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let mut found = ObservedRoute {
        to: Destination::Default,
        v6: message.header.address_family == AddressFamily::Inet6,
        via: None,
        index: None,
        source: None,
        table: message.header.table.into(),
        metric: None,
        by_kernel: message.header.protocol == RouteProtocol::Kernel,
    };
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                let length = message.header.destination_prefix_length;
                found.to = Destination::Prefix(IpNet::new(ip(&address)?, length).ok()?);
            }
            RouteAttribute::Gateway(address) => found.via = ip(&address),
            RouteAttribute::Via(RouteVia::Inet6(address)) => found.via = Some(address.into()),
            RouteAttribute::Oif(index) => found.index = Some(index),
            RouteAttribute::PrefSource(address) => found.source = ip(&address),
            RouteAttribute::Table(table) => found.table = table,
            RouteAttribute::Priority(metric) => found.metric = Some(metric),
            _ => {}
        }
    }
    (message.header.kind == RouteType::Unicast && found.table != LOCAL_TABLE).then_some(found)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
