//! What the two ends of an attached interface are told. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::cni::result::{Address, ResultRoute};
use pinwire_wiring::annotation::{Destination, Route};
use pinwire_wiring::identity::{ALTNAME_PREFIX, hexadecimal};
use pinwire_wiring::ledger::AttachmentName;
use pinwire_wiring::name::{InterfaceName, MacAddress};
use pinwire_wiring::observe::{DEFAULT_METRIC_V6, MAIN_TABLE, ObservedRoute};
use pinwire_wiring::wire::{Place, Wire, WireEnd};

/// The group of all attached interfaces, by which nftables tells the host's ends from the way out of the host: "pwin".
pub(crate) const HOST_GROUP: u32 = 0x7077_696e;
/// Scope of a route to what is on the link itself (`RT_SCOPE_LINK`).
const SCOPE_LINK: u8 = 253;

/// An attached interface: its wire, and the addresses and routes of the container's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The veth pair: the container's end, then the host's.
    pub wire: Wire,
    /// Addresses of the container.
    pub addresses: Vec<Address>,
    /// Routes of the container, besides those that the gateways need.
    pub routes: Vec<ResultRoute>,
    /// Whether what leaves the host gets the host's address; said just before it is so, since another attachment may have
    /// the same addresses until then.
    pub masquerade: bool,
}

/// What one end is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndPlan {
    /// Addresses; with `true`, no route to the address's network comes with it.
    pub(crate) addresses: Vec<(IpNet, bool)>,
    /// Routes, in order.
    pub(crate) routes: Vec<EndRoute>,
}

/// A route by one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndRoute {
    pub(crate) to: IpNet,
    pub(crate) via: Option<IpAddr>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) scope: Option<u8>,
    pub(crate) mtu: Option<u32>,
    pub(crate) advmss: Option<u32>,
    pub(crate) priority: Option<u32>,
    pub(crate) table: Option<u32>,
}

impl EndRoute {
    fn new(to: IpNet, via: Option<IpAddr>, source: Option<IpAddr>) -> Self {
        Self {
            to,
            via,
            source,
            scope: None,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
        }
    }

    /// The route as it is looked for in what is observed.
    pub(crate) fn expected(&self) -> Route {
        Route {
            to: destination(self.to),
            // Which family a default route is of follows from these two.
            via: self.via,
            source: self.source,
            interface: None,
            table: self.table,
            metric: self.priority,
        }
    }
}

impl Plan {
    /// The plan of a request whose addresses are not known yet.
    pub(crate) fn new(request: &Request) -> Self {
        let inside = WireEnd {
            place: Place::Netns(request.netns.clone()),
            interface: request.name.interface.clone(),
            mac: request.mac.unwrap_or_else(|| mac(&request.name, "mac")),
            altname: altname(&request.name, "container"),
            group: None,
            tuning: Box::new(request.tuning.clone()),
        };
        Self {
            wire: Wire {
                group: HOST_GROUP,
                mtu: request.mtu,
                ends: [inside, host_end(&request.name)],
            },
            addresses: Vec::new(),
            routes: Vec::new(),
            masquerade: false,
        }
    }

    /// Adds what became known of addresses. A route without a next hop goes by the gateway of its family.
    pub(crate) fn address(&mut self, addresses: &[Address], routes: &[ResultRoute]) {
        self.addresses = addresses.to_vec();
        self.routes = by_gateway(addresses, routes);
    }

    /// Whether the container has IPv6 addresses.
    pub(crate) fn has_v6(&self) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|address| address.address.addr().is_ipv6())
    }

    /// The container's addresses, without their networks.
    pub(crate) fn container_addresses(&self) -> Vec<IpAddr> {
        self.addresses
            .iter()
            .map(|address| address.address.addr())
            .collect()
    }

    /// What the container's end is told. The network of an address is behind the gateway, which alone is on the link.
    pub(crate) fn inside(&self) -> EndPlan {
        let mut end = EndPlan::default();
        for Address {
            address, gateway, ..
        } in &self.addresses
        {
            end.addresses.push((*address, gateway.is_some()));
            let Some(gateway) = *gateway else { continue };
            let source = Some(address.addr());
            let on_link = EndRoute {
                scope: gateway.is_ipv4().then_some(SCOPE_LINK),
                ..EndRoute::new(gateway.into(), None, source)
            };
            let network = EndRoute::new(address.trunc(), Some(gateway), source);
            let alone = address.prefix_len() == address.max_prefix_len();
            end.routes.push(on_link);
            end.routes
                .extend((!alone && network.to != IpNet::from(gateway)).then_some(network));
        }
        // A default route of a family takes its source from the address, which also says its family.
        end.routes.extend(self.routes.iter().map(route));
        let mut seen: Vec<EndRoute> = Vec::new();
        end.routes.retain(|route| {
            let new = !seen.contains(route);
            seen.push(route.clone());
            new
        });
        end
    }

    /// What the host's end is told.
    pub(crate) fn outside(&self) -> EndPlan {
        let mut end = EndPlan::default();
        for Address {
            address, gateway, ..
        } in &self.addresses
        {
            if let Some(gateway) = gateway {
                let gateway = (IpNet::from(*gateway), false);
                if !end.addresses.contains(&gateway) {
                    end.addresses.push(gateway);
                }
            }
            let to = IpNet::from(address.addr());
            let scope = address.addr().is_ipv4().then_some(SCOPE_LINK);
            end.routes.push(EndRoute {
                scope,
                ..EndRoute::new(to, None, *gateway)
            });
        }
        end
    }
}

/// Routes, of which those without a next hop go by the gateway of their family, if there is one.
pub(super) fn by_gateway(addresses: &[Address], routes: &[ResultRoute]) -> Vec<ResultRoute> {
    let gateways = || addresses.iter().filter_map(|address| address.gateway);
    let with_hop = |route: &ResultRoute| {
        let same_family = |gateway: &IpAddr| gateway.is_ipv4() == route.dst.addr().is_ipv4();
        ResultRoute {
            gw: route.gw.or_else(|| gateways().find(same_family)),
            ..route.clone()
        }
    };
    routes.iter().map(with_hop).collect()
}

/// Gives routes that name no priority, and whose destination is taken, the next priority that is free: of two networks with a
/// default route the one that was attached first is to carry the traffic.
pub(crate) fn give_way(routes: &mut [ResultRoute], there: &[ObservedRoute]) {
    for route in routes.iter_mut().filter(|route| route.priority.is_none()) {
        let table = route.table.unwrap_or(MAIN_TABLE);
        let unnamed = if route.dst.addr().is_ipv4() {
            0
        } else {
            DEFAULT_METRIC_V6
        };
        let free = free_metric(route.dst, table, unnamed, there);
        route.priority = free.filter(|free| *free != unnamed);
    }
}

/// The first metric, from `first` on, that no route to a destination has: the kernel takes no second route of the same.
pub(crate) fn free_metric(
    to: IpNet,
    table: u32,
    first: u32,
    there: &[ObservedRoute],
) -> Option<u32> {
    let (v6, to) = (to.addr().is_ipv6(), destination(to));
    let same = |route: &&ObservedRoute| route.to == to && route.v6 == v6 && route.table == table;
    let metric = |route: &ObservedRoute| route.metric.unwrap_or(0);
    let taken: Vec<u32> = there.iter().filter(same).map(metric).collect();
    (first..).find(|metric| !taken.contains(metric))
}

fn destination(to: IpNet) -> Destination {
    if to.prefix_len() == 0 {
        Destination::Default
    } else {
        Destination::Prefix(to)
    }
}

/// A route of a result, as an end is told it.
pub(crate) fn route(route: &ResultRoute) -> EndRoute {
    EndRoute {
        scope: route.scope,
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        ..EndRoute::new(route.dst, route.gw, None)
    }
}

/// The host's end of an attachment: its name, `pw` and twelve digits, and its mark follow from the attachment's name, so
/// that DEL finds it without any record.
pub(crate) fn host_end(name: &AttachmentName) -> WireEnd {
    let hash = name.hash("host");
    WireEnd {
        place: Place::Host,
        interface: InterfaceName::from_digits("pw", &hash[..6]),
        mac: mac(name, "host-mac"),
        altname: altname(name, "host"),
        group: None,
        tuning: Box::default(),
    }
}

/// The alternative name of an end, the mark of ownership.
pub(crate) fn altname(name: &AttachmentName, end: &str) -> String {
    let digits = hexadecimal(&name.hash(end)[..8]);
    format!("{ALTNAME_PREFIX}cni-{end}-{digits}")
}

/// A MAC address: unicast, locally administered (IEEE 802c).
fn mac(name: &AttachmentName, purpose: &str) -> MacAddress {
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&name.hash(purpose)[..6]);
    bytes[0] = bytes[0] & 0xfc | 0x02;
    MacAddress::from_bytes(bytes)
}
