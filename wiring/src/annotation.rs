//! The annotations of a pod that describe its part of a topology: `pinwire.dev/links` and `pinwire.dev/forwarding`.
//!
//! These types are what every reader of a manifest shares. They check each value by itself (a name's length, an
//! address's form); whether the two ends of a link agree is the business of whoever sees both pods.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::kernel::sysctl::SysctlKey;
use crate::name::{InterfaceName, MacAddress, NodeName};

mod attribute;
mod family;
mod pool;
pub mod rule;
pub mod text;
pub mod tuning;
mod vf;
mod vfio;

pub use attribute::{
    Attribute, Attributes, Found, LinkState, QOS_MAX, Rate, VLAN_MAX, Vlan, VlanProtocol,
};
pub use family::Family;
pub use pool::{FoundPool, Pool, PoolError, Pools, RawPool};
pub use tuning::Tuning;
pub use vf::{UserDriver, VFIO, VfOptions};

/// The annotation that names the topology a pod belongs to.
pub const TOPOLOGY: &str = "pinwire.dev/topology";
/// The annotation that lists the pod's ends of links, as a YAML sequence of [`Link`].
pub const LINKS: &str = "pinwire.dev/links";
/// The annotation that says how the node forwards, a YAML mapping: [`Forwarding`].
pub const FORWARDING: &str = "pinwire.dev/forwarding";
/// The annotation that names the node where the pod's own name is generated (Deployments).
pub const NODE: &str = "pinwire.dev/node";

/// One end of a link, as its pod lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// Name of the interface inside the pod, at most 15 bytes.
    pub interface: InterfaceName,
    /// The other end: `NODE:INTERFACE`, or `host:NAME` for an interface that stays in the host's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// What the link is made of; a veth pair unless said otherwise.
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub kind: LinkType,
    /// Addresses of this end, with prefix length, IPv4 or IPv6.
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<IpNet>,
    /// Addresses of the host's end; only with a peer `host:NAME`.
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub host_addresses: Vec<IpNet>,
    /// Maximum transmission unit in bytes, 68 to 65535; 1500 unless said otherwise. Both ends must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 68, max = 65535))]
    pub mtu: Option<u32>,
    /// The virtual function of this end; only with the type `vf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vf: Option<VfOptions>,
    /// What this end is tuned to: queues, offloads, and of a virtual function rings, coalescing and interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// MAC address of this end; derived from topology, node and interface unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
}

/// A key without a value is a key that is not there, as for Kubernetes.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What a link is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkType {
    /// A pair of virtual Ethernet devices (veth(4)).
    #[default]
    Veth,
    /// SR-IOV virtual functions.
    Vf,
}

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An interface of another node.
    Node {
        /// The other node.
        node: NodeName,
        /// The interface of that node.
        interface: InterfaceName,
    },
    /// An interface in the host's network namespace.
    Host(InterfaceName),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((node, interface)) = text.split_once(':') else {
            return Err(format!(
                "`{text}` is not a peer: write NODE:INTERFACE or host:NAME"
            ));
        };
        let interface = interface
            .parse()
            .map_err(|error| format!("in the peer `{text}`: {error}"))?;
        if node == "host" {
            return Ok(Self::Host(interface));
        }
        let node = node
            .parse()
            .map_err(|error| format!("in the peer `{text}`: {error}"))?;
        Ok(Self::Node { node, interface })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node, interface } => write!(formatter, "{node}:{interface}"),
            Self::Host(interface) => write!(formatter, "host:{interface}"),
        }
    }
}

crate::name::string_serde!(Peer, r"^[^:]+:[^:/\s]{1,15}$");

/// How a node moves packets between its interfaces, and what its network namespace is told besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forwarding {
    /// The data plane; the kernel's IP forwarding unless said otherwise.
    #[serde(default, deserialize_with = "or_default")]
    pub plane: Plane,
    /// Routes of the node.
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Policy routing rules (ip-rule(8)).
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Permanent neighbours (ip-neighbour(8)).
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Neighbour>,
    /// Sysctls of the node's own network namespace, `net.…` only.
    #[serde(default, deserialize_with = "or_default")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<SysctlKey, Scalar>,
}

/// A data plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// The kernel forwards IPv4 and IPv6 by its routing tables.
    #[default]
    Kernel,
    /// Layer 2: what enters one of the node's two interfaces leaves by the other (tc-mirred(8)).
    Mirror,
    /// Layer 2, by an XDP program that redirects between the node's two interfaces.
    Xdp,
    /// The node forwards nothing.
    None,
}

/// One route (ip-route(8)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Destination prefix; `default` for everything.
    pub to: Destination,
    /// Next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// Interface to leave by; found by the kernel from `via` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceName>,
    /// Preferred source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Routing table, 1 to 2^32-1; the main table (254) unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub table: Option<u32>,
    /// Metric; lower is preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Maximum transmission unit along the path, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Maximum segment size that TCP advertises, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Scope (`rt_scope_t`, linux/rtnetlink.h); follows from the route unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
    /// Who it is from (`rtm_protocol`, linux/rtnetlink.h): 4, `static`, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
}

impl Route {
    /// A route to a destination, of which nothing else is said.
    pub fn to(destination: IpNet) -> Self {
        Self {
            to: Destination::Prefix(destination),
            via: None,
            interface: None,
            source: None,
            table: None,
            metric: None,
            mtu: None,
            advmss: None,
            scope: None,
            protocol: None,
        }
    }
}

/// The destination of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// All addresses of the family of the next hop (IPv4 where there is none).
    Default,
    /// One prefix.
    Prefix(IpNet),
}

impl Destination {
    /// The prefix; none for all addresses, however that is written.
    pub fn prefix(self) -> Option<IpNet> {
        match self {
            Self::Prefix(prefix) if prefix.prefix_len() > 0 => Some(prefix),
            _ => None,
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        let prefix = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("`{text}` is not a destination: write a prefix such as 10.0.2.0/24, or `default`"))?;
        if prefix.trunc() != prefix {
            return Err(format!(
                "`{text}` has bits set beyond its prefix length: write {}",
                prefix.trunc()
            ));
        }
        Ok(Self::Prefix(prefix))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Prefix(prefix) => prefix.fmt(formatter),
        }
    }
}

crate::name::string_serde!(Destination, "");

/// One policy routing rule: packets that match all of its selectors are routed by its table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Order among the rules, lower first; 0 to 32765.
    #[schemars(range(max = 32765))]
    pub priority: u32,
    /// The table to look the packet up in.
    #[schemars(range(min = 1))]
    pub table: u32,
    /// Source prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<IpNet>,
    /// Destination prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub to: Option<IpNet>,
    /// Interface that the packet came in by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceName>,
    /// Transport protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// UDP or TCP source port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// UDP or TCP destination port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
}

/// A transport protocol that a [`Rule`] can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// ICMP (RFC 792).
    Icmp,
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
}

/// A neighbour that never expires (`NUD_PERMANENT`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC address.
    pub mac: MacAddress,
    /// The interface that it is behind.
    pub interface: InterfaceName,
}

/// The value of a sysctl as people write it: a string or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "the value of a sysctl is a whole number or text"
)]
pub enum Scalar {
    /// A number.
    Number(i64),
    /// Text, such as the three numbers of `net.ipv4.tcp_rmem`.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}
