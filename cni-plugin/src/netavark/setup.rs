//! `setup`: attaches a container, first removing what containers left behind that are gone.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::error::{ContainerError, DriverError};
use super::message;
use super::network::{Network, Subnet};
use super::options::Options;
use crate::attach;
use crate::attach::{Addressing, Request, free_metric};
use crate::cni::result::{Address, Dns, Outcome, ResultRoute};
use crate::plugin::{PluginError, gc};
use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::ledger::{AttachmentName, State};
use pinwire_wiring::name::MacAddress;
use pinwire_wiring::observe::{MAIN_TABLE, observe};

/// The metric of the default route of a container's first network, podman's own for all its networks.
const METRIC: u32 = 100;

/// A container to attach, validated.
struct Container {
    name: AttachmentName,
    addresses: Vec<Address>,
    mac: Option<MacAddress>,
    options: Options,
}

/// Attaches a container; netavark's status block of it.
///
/// netavark before 2.1 does not call drivers where the namespace is gone, so that nobody detaches: what is left of such
/// containers of the network goes now.
pub(crate) fn setup(
    state: &State,
    netns: &Path,
    setup: message::Setup,
    note: impl Fn(String),
) -> Result<Value, DriverError> {
    let network = Network::read(&setup.network)?;
    let container = Container::read(&setup, &network).map_err(|source| DriverError::Container {
        container: setup.container_name.clone(),
        network: network.name.to_string(),
        source,
    })?;
    if setup.port_mappings.is_some_and(|ports| !ports.is_empty()) {
        note(format!(
            "the network `{}` publishes no ports: reach containers by their addresses",
            network.name
        ));
    }
    let addresses = container.addresses.iter();
    let addresses: Vec<IpAddr> = addresses.map(|address| address.address.addr()).collect();
    for error in gc::sweep_before(state, &network.id, &addresses) {
        let error = pinwire_wiring::error::chain(&error);
        note(format!(
            "cannot remove what is left of a container: {error}"
        ));
    }
    let defaults = default_routes(&network, container.options, netns)?;
    let request = container.request(&network, defaults, netns);
    let outcome = attach::attach(state, request).map_err(PluginError::from)?;
    Ok(status(&outcome))
}

impl Container {
    fn read(setup: &message::Setup, network: &Network) -> Result<Self, ContainerError> {
        let attachment = &setup.network_options;
        let mac = attachment.static_mac.as_ref().filter(|mac| !mac.is_empty());
        let mac = mac.map(|mac| mac.parse()).transpose();
        let options = attachment.options.as_ref().map(Options::read).transpose()?;
        let options = options.unwrap_or_default().or(network.options);
        Ok(Self {
            name: name(
                network.id.as_str(),
                &setup.container_id,
                &attachment.interface_name,
            )?,
            addresses: addresses(attachment.static_ips.as_deref(), &network.subnets)?,
            mac: mac.map_err(|reason| wrong("static_mac", reason))?,
            options: options.check(network.internal, network.has_v6())?,
        })
    }

    fn request(self, network: &Network, defaults: Vec<ResultRoute>, netns: &Path) -> Request {
        let routes = network
            .routes
            .iter()
            .map(|route| to(route.to, route.via, route.metric));
        Request {
            name: self.name,
            netns: netns.to_owned(),
            mac: self.mac,
            mtu: self
                .options
                .mtu
                .unwrap_or(pinwire_wiring::annotation::rule::default::MTU),
            tuning: Tuning::default(),
            addressing: Addressing::Given {
                addresses: self.addresses,
                routes: defaults.into_iter().chain(routes).collect(),
            },
            masquerade: self.options.masquerade.unwrap_or(false),
            dns: Dns::default(),
        }
    }
}

/// The name of an attachment.
pub(crate) fn name(
    network: &str,
    container: &str,
    interface: &str,
) -> Result<AttachmentName, ContainerError> {
    Ok(AttachmentName {
        network: network
            .parse()
            .map_err(|reason| wrong("network.id", reason))?,
        container: container
            .parse()
            .map_err(|reason| wrong("container_id", reason))?,
        interface: interface
            .parse()
            .map_err(|reason| wrong("interface_name", reason))?,
    })
}

fn wrong(key: &'static str, reason: String) -> ContainerError {
    ContainerError::Name { key, reason }
}

/// The addresses of a container: each with its subnet's prefix length and gateway, at least one of each subnet.
fn addresses(given: Option<&[IpAddr]>, subnets: &[Subnet]) -> Result<Vec<Address>, ContainerError> {
    let given = given.unwrap_or_default();
    let within = |address: &IpAddr| {
        let subnet = subnets.iter().find(|subnet| subnet.net.contains(address));
        let subnet = subnet.ok_or_else(|| ContainerError::Address {
            address: *address,
            subnets: subnets.iter().map(|subnet| subnet.net).collect(),
        })?;
        if *address == subnet.gateway {
            return Err(ContainerError::IsGateway(*address));
        }
        Ok(Address {
            interface: None,
            address: with_prefix(*address, subnet.net),
            gateway: Some(subnet.gateway),
        })
    };
    for Subnet { net, .. } in subnets {
        if !given.iter().any(|address| net.contains(address)) {
            return Err(ContainerError::NoAddress(*net));
        }
    }
    given.iter().map(within).collect()
}

/// An address with the prefix length of a subnet that it is in.
fn with_prefix(address: IpAddr, net: IpNet) -> IpNet {
    // Both are of one family, whose greatest length the subnet's does not exceed.
    IpNet::new(address, net.prefix_len()).unwrap_or_else(|_| IpNet::from(address))
}

/// A default route for each family, by the gateway of its first subnet. Where no metric is asked for, it is the next one
/// that is free, since the kernel takes no second route of the same: the network that is attached first carries the
/// traffic (netavark goes by their names).
fn default_routes(
    network: &Network,
    options: Options,
    path: &Path,
) -> Result<Vec<ResultRoute>, DriverError> {
    let netns = crate::cni::container::open(path).map_err(PluginError::from)?;
    if network.internal || options.no_default_route == Some(true) {
        return Ok(Vec::new());
    }
    let there = observe(&netns).map_err(|source| DriverError::Observe {
        netns: path.to_owned(),
        source,
    })?;
    let gateways = [true, false].into_iter().filter_map(|v4| {
        let mut gateways = network.subnets.iter().map(|subnet| subnet.gateway);
        gateways.find(|gateway| gateway.is_ipv4() == v4)
    });
    let route = |gateway: IpAddr| {
        let everywhere = match gateway {
            IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
            IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
        };
        let free = || free_metric(everywhere, MAIN_TABLE, METRIC, &there.routes);
        to(everywhere, gateway, options.metric.or_else(free))
    };
    Ok(gateways.map(route).collect())
}

fn to(dst: IpNet, via: IpAddr, metric: Option<u32>) -> ResultRoute {
    ResultRoute {
        dst,
        gw: Some(via),
        mtu: None,
        advmss: None,
        priority: metric,
        table: None,
        scope: None,
    }
}

fn status(outcome: &Outcome) -> Value {
    let subnets: Vec<Value> = outcome
        .ips
        .iter()
        .map(|ip| json!({"ipnet": ip.address, "gateway": ip.gateway}))
        .collect();
    let inside = outcome
        .interfaces
        .iter()
        .filter(|interface| interface.sandbox.is_some());
    let interfaces: serde_json::Map<String, Value> = inside
        .map(|interface| {
            let status = json!({"mac_address": interface.mac, "subnets": subnets});
            (interface.name.clone(), status)
        })
        .collect();
    json!({"dns_search_domains": [], "dns_server_ips": [], "interfaces": interfaces})
}
