//! Tells one end of an attached interface its addresses and routes, by one batch of netlink requests.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::WireEnd;
use super::plan::{EndPlan, EndRoute};
use pinwire_wiring::kernel::netlink::{Batch, Netlink, NetlinkError};
use pinwire_wiring::setting::settle_link;

/// What an end could not be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The end is not there.
    #[error("{end} is gone")]
    Gone {
        /// The end.
        end: Box<WireEnd>,
    },
    /// A request failed.
    #[error("cannot {what} for {end}")]
    Refused {
        /// What was asked.
        what: String,
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetlinkError,
    },
}

/// Brings an end up.
pub(crate) fn raise(socket: &mut Netlink, end: &WireEnd) -> Result<(), TellError> {
    told(socket, end, |index| {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = LinkFlags::Up;
        let text = "bring the link up (RTM_SETLINK)".to_owned();
        vec![(text, RouteNetlinkMessage::SetLink(message), 0)]
    })
}

/// Tells an end its addresses and routes.
pub(crate) fn tell(socket: &mut Netlink, end: &WireEnd, plan: &EndPlan) -> Result<(), TellError> {
    told(socket, end, |index| {
        let addresses = plan.addresses.iter().map(|(net, alone)| {
            let text = format!("add the address {net} (RTM_NEWADDR)");
            (
                text,
                address(index, *net, *alone),
                NLM_F_CREATE | NLM_F_REPLACE,
            )
        });
        let routes = plan.routes.iter().map(|planned| {
            let text = format!("add the route to {} (RTM_NEWROUTE)", planned.to);
            (text, route(index, planned), NLM_F_CREATE | NLM_F_EXCL)
        });
        addresses.chain(routes).collect()
    })
}

/// Waits until an end is in operation and its IPv6 addresses are usable: workers of the kernel see to both, and until then
/// the end answers nobody who asks for a neighbour, who waits a second before asking again. `link_local` says whether
/// that address counts as well, by which the host asks for neighbours; a container's may be a second in coming.
pub(crate) fn settle(
    socket: &mut Netlink,
    end: &WireEnd,
    link_local: bool,
) -> Result<(), TellError> {
    let counts = |address: &Ipv6Addr| link_local || !address.is_unicast_link_local();
    let settled = settle_link(socket, end.interface.as_str(), counts);
    settled.map_err(|source| TellError::Refused {
        what: "wait for IPv6 (RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE)".to_owned(),
        end: Box::new(end.clone()),
        source,
    })
}

/// A request: what it does, the message, and its flags.
type Request = (String, RouteNetlinkMessage, u16);

fn told(
    socket: &mut Netlink,
    end: &WireEnd,
    requests: impl FnOnce(u32) -> Vec<Request>,
) -> Result<(), TellError> {
    let boxed = || Box::new(end.clone());
    let failed = |what: &str, source| TellError::Refused {
        what: what.to_owned(),
        end: boxed(),
        source,
    };
    let index = socket.index_of(end.interface.as_str());
    let index = index.ok_or_else(|| TellError::Gone { end: boxed() })?;
    let requests = requests(index);
    let mut batch = Batch::default();
    let mut texts = Vec::new();
    for (text, message, flags) in requests {
        batch.push(message, flags);
        texts.push(text);
    }
    let refused = socket
        .execute(batch)
        .map_err(|source| failed("send requests", source))?;
    match refused.into_iter().next() {
        None => Ok(()),
        Some(refused) if refused.refusal.errno == Errno::ENODEV => {
            Err(TellError::Gone { end: boxed() })
        }
        Some(refused) => {
            let source = NetlinkError::Refused(refused.refusal);
            Err(failed(&texts[refused.position], source))
        }
    }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    }
}

fn address(index: u32, net: IpNet, alone: bool) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = net.prefix_len();
    message.header.family = family(net.addr());
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Noprefixroute, alone);
    // Nobody else can have it: it is usable at once, without duplicate address detection (RFC 4862).
    flags.set(AddressFlags::Nodad, net.addr().is_ipv6());
    message.attributes = vec![
        AddressAttribute::Address(net.addr()),
        AddressAttribute::Flags(flags),
    ];
    if net.addr().is_ipv4() {
        message.attributes.push(AddressAttribute::Local(net.addr()));
    }
    RouteNetlinkMessage::NewAddress(message)
}

fn route(index: u32, route: &EndRoute) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    let table = route.table.unwrap_or(RouteHeader::RT_TABLE_MAIN.into());
    message.header.address_family = family(route.to.addr());
    message.header.destination_prefix_length = route.to.prefix_len();
    // Tables beyond 255 do not fit the header: RT_TABLE_UNSPEC there, and the attribute counts.
    message.header.table = table.try_into().unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.protocol = RouteProtocol::Boot;
    message.header.kind = RouteType::Unicast;
    let scope = match route.via {
        None if route.to.addr().is_ipv4() => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    message.header.scope = route.scope.map_or(scope, RouteScope::from);
    let mut metrics = Vec::new();
    metrics.extend(route.mtu.map(RouteMetric::Mtu));
    metrics.extend(route.advmss.map(RouteMetric::Advmss));
    let attributes = [
        (route.to.prefix_len() > 0).then(|| RouteAttribute::Destination(route.to.addr().into())),
        Some(RouteAttribute::Oif(index)),
        Some(RouteAttribute::Table(table)),
        route.via.map(|via| RouteAttribute::Gateway(via.into())),
        route
            .source
            .map(|source| RouteAttribute::PrefSource(source.into())),
        route.priority.map(RouteAttribute::Priority),
        (!metrics.is_empty()).then_some(RouteAttribute::Metrics(metrics)),
    ];
    message.attributes = attributes.into_iter().flatten().collect();
    RouteNetlinkMessage::NewRoute(message)
}
