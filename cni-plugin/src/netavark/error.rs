//! All that a call of the driver can fail with. netavark knows no codes: the message is all that podman's user sees.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::options::OptionError;
use crate::plugin::PluginError;
use pinwire_wiring::kernel::netlink::NetlinkError;

/// What is wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Name or id cannot be.
    #[error("its {key} is wrong: {reason}")]
    Identifier {
        /// `name` or `id`.
        key: &'static str,
        /// Why.
        reason: String,
    },
    /// It would have interfaces without addresses, and nothing says that they are to be without.
    #[error(
        "it has no subnet: give it one (--subnet 10.90.0.0/24), or have interfaces without addresses (--ipam-driver none)"
    )]
    NoSubnet,
    /// IPv6 was asked for.
    #[error("IPv6 is enabled, and it has no IPv6 subnet: give it one (--subnet fd90::/64)")]
    NoSubnetV6,
    /// Subnets share addresses.
    #[error("its subnets {0} and {1} overlap")]
    Overlap(IpNet, IpNet),
    /// A subnet is too small.
    #[error("its subnet {0} has no room for a gateway and a container")]
    Small(IpNet),
    /// A gateway is not in its subnet, or not an address that can be given.
    #[error("the gateway {gateway} is no address of a host in the subnet {subnet}")]
    Gateway {
        /// The gateway.
        gateway: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// Addresses would come from elsewhere than podman.
    #[error("the IPAM driver `{0}` is not supported: `host-local` and `none` are")]
    Ipam(String),
    /// It has subnets, and says that there are no addresses.
    #[error("the IPAM driver is `none`, and it has the subnet {0}")]
    SubnetWithoutIpam(IpNet),
    /// It names an interface of the host.
    #[error(
        "it names the interface `{0}` of the host (--interface-name): each container has an end of its own there"
    )]
    Interface(String),
    /// It has name servers.
    #[error("it has DNS servers (--dns): this driver's networks have no name service")]
    DnsServers,
    /// A route's kind is not supported.
    #[error("its route to {to} is of the type `{kind}`: only `unicast` is supported")]
    RouteType {
        /// Destination.
        to: IpNet,
        /// The type.
        kind: String,
    },
    /// A route leads to where nothing is.
    #[error(
        "its route to {to} goes by {via}: containers reach everything by the gateway of a subnet{}",
        list(.gateways)
    )]
    RouteGateway {
        /// Destination.
        to: IpNet,
        /// Next hop.
        via: String,
        /// What could be the next hop.
        gateways: Vec<IpAddr>,
    },
    /// An option is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
}

/// What is wrong with the way in which a container is to be attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Its id or interface cannot be.
    #[error("its {key} is wrong: {reason}")]
    Name {
        /// The key.
        key: &'static str,
        /// Why.
        reason: String,
    },
    /// An address is in no subnet.
    #[error("the address {address} is in no subnet of the network{}", list(.subnets))]
    Address {
        /// The address.
        address: IpAddr,
        /// The network's subnets.
        subnets: Vec<IpNet>,
    },
    /// An address is the gateway's.
    #[error("the address {0} is the gateway's")]
    IsGateway(IpAddr),
    /// podman gave no address of a subnet.
    #[error("it has no address in the subnet {0}")]
    NoAddress(IpNet),
    /// An option is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
}

fn list(items: &[impl ToString]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!(" ({})", texts.join(", "))
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The verb is none of the API's.
    #[error("`{0}` is none of create, setup, teardown and info")]
    Verb(String),
    /// A verb lacks its argument.
    #[error("the path of the network namespace is missing: it is the second argument")]
    NoNetns,
    /// Standard input could not be read.
    #[error("cannot read standard input")]
    Read(#[source] std::io::Error),
    /// Standard input is longer than [`crate::cni::configuration::LIMIT`].
    #[error("standard input has more than 1 MiB")]
    TooLong,
    /// Standard input is no JSON.
    #[error("standard input is not JSON")]
    Json(#[source] serde_json::Error),
    /// Standard input is JSON of another shape.
    #[error("standard input is not what netavark's plugin API 1.0.0 says")]
    Shape(#[source] serde_json::Error),
    /// The network is wrong.
    #[error("the network `{network}` is not possible")]
    Network {
        /// Its name.
        network: String,
        /// Why.
        source: NetworkError,
    },
    /// What the container asks of the network is wrong.
    #[error("the container `{container}` cannot be attached to the network `{network}`")]
    Container {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
        /// Why.
        source: ContainerError,
    },
    /// What is to be detached has no possible name.
    #[error("there can be no such attachment")]
    Attachment(#[source] ContainerError),
    /// The container's namespace could not be observed.
    #[error("cannot observe {}", .netns.display())]
    Observe {
        /// The namespace.
        netns: PathBuf,
        /// Why.
        source: NetlinkError,
    },
    /// It could not be attached or detached.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}
