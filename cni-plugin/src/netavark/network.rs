//! A network, validated: what `create` accepts, and what `setup` takes from podman's record of it. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::error::{DriverError, NetworkError};
use super::message;
use super::options::Options;
use pinwire_wiring::ledger::Identifier;

/// A network whose containers can be attached.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Its name.
    pub(crate) name: Identifier,
    /// podman's id, by which state knows the network: no CNI network has the same.
    pub(crate) id: Identifier,
    /// Whether containers get no default route.
    pub(crate) internal: bool,
    /// Its subnets; none if interfaces are to be without addresses.
    pub(crate) subnets: Vec<Subnet>,
    /// Routes of its containers.
    pub(crate) routes: Vec<Route>,
    /// Its options.
    pub(crate) options: Options,
}

/// A subnet of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    /// The prefix.
    pub(crate) net: IpNet,
    /// The address of the host's ends.
    pub(crate) gateway: IpAddr,
}

/// A route of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Destination.
    pub(crate) to: IpNet,
    /// Next hop: the gateway of a subnet.
    pub(crate) via: IpAddr,
    /// Metric.
    pub(crate) metric: Option<u32>,
}

impl Network {
    /// Validates a network.
    ///
    /// # Errors
    /// [`DriverError::Network`], with the first thing that is wrong.
    pub(crate) fn read(raw: &message::Network) -> Result<Self, DriverError> {
        Self::validate(raw).map_err(|source| DriverError::Network {
            network: raw.name.clone(),
            source,
        })
    }

    fn validate(raw: &message::Network) -> Result<Self, NetworkError> {
        if let Some(interface) = raw
            .network_interface
            .as_ref()
            .filter(|name| !name.is_empty())
        {
            return Err(NetworkError::Interface(interface.clone()));
        }
        if raw
            .network_dns_servers
            .as_ref()
            .is_some_and(|list| !list.is_empty())
        {
            return Err(NetworkError::DnsServers);
        }
        let subnets = subnets(raw)?;
        let v6 = subnets.iter().any(|subnet| subnet.net.addr().is_ipv6());
        if raw.ipv6_enabled && !v6 {
            return Err(NetworkError::NoSubnetV6);
        }
        let options = raw.options.as_ref().map(Options::read).transpose()?;
        let routes = raw.routes.iter().flatten();
        Ok(Self {
            name: identifier("name", &raw.name)?,
            id: identifier("id", &raw.id)?,
            internal: raw.internal,
            routes: routes
                .map(|raw| route(raw, &subnets))
                .collect::<Result<_, _>>()?,
            options: options.unwrap_or_default().check(raw.internal, v6)?,
            subnets,
        })
    }

    /// Whether the network has an IPv6 subnet.
    pub(crate) fn has_v6(&self) -> bool {
        let mut subnets = self.subnets.iter();
        subnets.any(|subnet| subnet.net.addr().is_ipv6())
    }
}

fn identifier(key: &'static str, text: &str) -> Result<Identifier, NetworkError> {
    text.parse()
        .map_err(|reason| NetworkError::Identifier { key, reason })
}

fn subnets(raw: &message::Network) -> Result<Vec<Subnet>, NetworkError> {
    let ipam = raw.ipam_options.as_ref();
    let ipam = ipam.and_then(|options| options.get("driver"));
    let raw = raw.subnets.as_deref().unwrap_or_default();
    match (ipam.map_or("", String::as_str), raw) {
        ("" | "host-local", []) => return Err(NetworkError::NoSubnet),
        ("none", [subnet, ..]) => return Err(NetworkError::SubnetWithoutIpam(subnet.subnet)),
        ("" | "host-local" | "none", _) => {}
        (other, _) => return Err(NetworkError::Ipam(other.to_owned())),
    }
    let subnets = raw.iter().map(subnet).collect::<Result<Vec<_>, _>>()?;
    for (position, Subnet { net, .. }) in subnets.iter().enumerate() {
        let mut before = subnets[..position].iter().map(|subnet| subnet.net);
        if let Some(other) = before.find(|other| net.contains(other) || other.contains(net)) {
            return Err(NetworkError::Overlap(other, *net));
        }
    }
    Ok(subnets)
}

fn subnet(raw: &message::Subnet) -> Result<Subnet, NetworkError> {
    let net = raw.subnet.trunc();
    // Besides gateway and container, the network's own address and IPv4's broadcast.
    if net.max_prefix_len() - net.prefix_len() < 2 {
        return Err(NetworkError::Small(net));
    }
    let gateway = raw.gateway.unwrap_or_else(|| first(net));
    let is_broadcast = net.addr().is_ipv4() && gateway == net.broadcast();
    if !net.contains(&gateway) || gateway == net.network() || is_broadcast {
        return Err(NetworkError::Gateway {
            gateway,
            subnet: net,
        });
    }
    Ok(Subnet { net, gateway })
}

/// The first address of a host, which podman takes for a gateway, too. Not beyond the end of the prefix, which has more
/// than one address.
fn first(net: IpNet) -> IpAddr {
    match net.network() {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) + 1).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) + 1).into(),
    }
}

fn route(raw: &message::Route, subnets: &[Subnet]) -> Result<Route, NetworkError> {
    let to = raw.destination;
    if let Some(kind) = raw.route_type.as_ref().filter(|kind| *kind != "unicast") {
        return Err(NetworkError::RouteType {
            to,
            kind: kind.clone(),
        });
    }
    let family = subnets
        .iter()
        .map(|subnet| subnet.gateway)
        .filter(|gateway| gateway.is_ipv4() == to.addr().is_ipv4());
    let gateways: Vec<IpAddr> = family.collect();
    match raw.gateway.filter(|via| gateways.contains(via)) {
        Some(via) => Ok(Route {
            to: to.trunc(),
            via,
            metric: raw.metric,
        }),
        None => Err(NetworkError::RouteGateway {
            to,
            via: raw
                .gateway
                .map_or_else(|| "no gateway".to_owned(), |via| via.to_string()),
            gateways,
        }),
    }
}
