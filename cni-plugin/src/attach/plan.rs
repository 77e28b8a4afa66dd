//! What the namespaces of an attached interface are told. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::cni::result::{Address, ResultRoute};
use pinwire_wiring::annotation::{Destination, Route};
use pinwire_wiring::identity::{ALTNAME_PREFIX, hexadecimal};
use pinwire_wiring::kernel::sysctl::SysctlKey;
use pinwire_wiring::ledger::AttachmentName;
use pinwire_wiring::name::{InterfaceName, MacAddress};
use pinwire_wiring::observe::{DEFAULT_METRIC_V6, MAIN_TABLE, ObservedRoute};
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, Wire, WireEnd};

/// The group of all attached interfaces, by which nftables tells the host's ends from the way out of the host: "pwin".
pub(crate) const HOST_GROUP: u32 = 0x7077_696e;

/// `RTPROT_BOOT` (linux/rtnetlink.h), which the routes of the reference plugins have.
const BOOT: u8 = 3;

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
        self.has(IpAddr::is_ipv6)
    }

    fn has(&self, family: fn(&IpAddr) -> bool) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|address| family(&address.address.addr()))
    }

    /// The container's addresses, without their networks.
    pub(crate) fn container_addresses(&self) -> Vec<IpAddr> {
        self.addresses
            .iter()
            .map(|address| address.address.addr())
            .collect()
    }

    /// What the container's namespace is told. The network of an address is behind the gateway, which alone is on the link.
    pub(crate) fn inside(&self) -> Vec<Setting> {
        let end = &self.wire.ends[0].interface;
        let (mut settings, mut routes) = (Vec::new(), Vec::new());
        if self.has_v6() {
            // Runtimes make namespaces with IPv6 off where the first network has none.
            let key = ["net", "ipv6", "conf", end.as_str(), "disable_ipv6"];
            settings.push(sysctl(&key, "0"));
        }
        for Address {
            address, gateway, ..
        } in &self.addresses
        {
            settings.push(Setting::Address {
                interface: end.clone(),
                address: *address,
                alone: gateway.is_some(),
            });
            let Some(gateway) = *gateway else { continue };
            let by_source = |to| Route {
                source: Some(address.addr()),
                ..Route::to(to)
            };
            routes.push(by_source(gateway.into()));
            let network = address.trunc();
            let single = address.prefix_len() == address.max_prefix_len();
            if !single && network != IpNet::from(gateway) {
                routes.push(Route {
                    via: Some(gateway),
                    ..by_source(network)
                });
            }
        }
        routes.extend(self.routes.iter().map(route));
        settings.extend(by(end, routes));
        settings
    }

    /// What the host's namespace is told.
    pub(crate) fn outside(&self) -> Vec<Setting> {
        let end = &self.wire.ends[1].interface;
        let (mut settings, mut routes) = (Vec::new(), Vec::new());
        if self.has(IpAddr::is_ipv4) {
            settings.push(sysctl(&["net", "ipv4", "ip_forward"], "1"));
        }
        if self.has_v6() {
            let key = ["net", "ipv6", "conf", "all", "forwarding"];
            settings.push(sysctl(&key, "1"));
        }
        for Address {
            address, gateway, ..
        } in &self.addresses
        {
            if let Some(gateway) = gateway {
                let gateway = Setting::Address {
                    interface: end.clone(),
                    address: IpNet::from(*gateway),
                    alone: false,
                };
                if !settings.contains(&gateway) {
                    settings.push(gateway);
                }
            }
            routes.push(Route {
                source: *gateway,
                ..Route::to(address.addr().into())
            });
        }
        settings.extend(by(end, routes));
        settings
    }
}

/// What a virtual function's interface is told: the network of each address is on the link.
pub(super) fn on_link(
    end: &InterfaceName,
    addresses: &[Address],
    routes: &[ResultRoute],
) -> Vec<Setting> {
    let addresses = addresses.iter().map(|address| Setting::Address {
        interface: end.clone(),
        address: address.address,
        alone: false,
    });
    let routes = routes.iter().map(route).collect();
    addresses.chain(by(end, routes)).collect()
}

/// A sysctl that must be there.
pub(super) fn sysctl(key: &[&str], value: &'static str) -> Setting {
    Setting::Sysctl {
        key: SysctlKey::from_parts(key),
        value: value.into(),
        if_present: false,
    }
}

/// Routes by an interface, none twice.
fn by(end: &InterfaceName, routes: Vec<Route>) -> Vec<Setting> {
    let mut settings = Vec::new();
    for route in routes {
        let setting = Setting::Route(Route {
            interface: Some(end.clone()),
            protocol: Some(BOOT),
            ..route
        });
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    settings
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
    let (v6, to) = (to.addr().is_ipv6(), Destination::Prefix(to).prefix());
    let same =
        |route: &&ObservedRoute| route.to.prefix() == to && route.v6 == v6 && route.table == table;
    let metric = |route: &ObservedRoute| route.metric.unwrap_or(0);
    let taken: Vec<u32> = there.iter().filter(same).map(metric).collect();
    (first..).find(|metric| !taken.contains(metric))
}

/// A route of a result, as a namespace is told it.
fn route(route: &ResultRoute) -> Route {
    Route {
        via: route.gw,
        table: route.table,
        metric: route.priority,
        mtu: route.mtu,
        advmss: route.advmss,
        scope: route.scope,
        ..Route::to(route.dst)
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
