//! What netavark and podman send, as it is: nothing here is checked but its shape. Keys that newer versions add are
//! passed over.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::DriverError;
use crate::cni::configuration::LIMIT;
use crate::cni::json;

/// A network, as podman keeps it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) network_interface: Option<String>,
    #[serde(default)]
    pub(crate) internal: bool,
    #[serde(default)]
    pub(crate) ipv6_enabled: bool,
    pub(crate) subnets: Option<Vec<Subnet>>,
    pub(crate) routes: Option<Vec<Route>>,
    pub(crate) network_dns_servers: Option<Vec<Value>>,
    pub(crate) options: Option<BTreeMap<String, String>>,
    pub(crate) ipam_options: Option<BTreeMap<String, String>>,
}

/// A subnet of a network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) subnet: IpNet,
    pub(crate) gateway: Option<IpAddr>,
}

/// A route of a network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Route {
    pub(crate) destination: IpNet,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) metric: Option<u32>,
    pub(crate) route_type: Option<String>,
}

/// What a setup is about.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Setup {
    pub(crate) container_id: String,
    pub(crate) container_name: String,
    pub(crate) port_mappings: Option<Vec<Value>>,
    pub(crate) network: Network,
    pub(crate) network_options: Attachment,
}

/// How a container is attached to a network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) interface_name: String,
    pub(crate) static_ips: Option<Vec<IpAddr>>,
    pub(crate) static_mac: Option<String>,
    pub(crate) options: Option<BTreeMap<String, String>>,
}

/// What a teardown is about: of all that a setup is sent, what names the attachment.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Teardown {
    pub(crate) container_id: String,
    pub(crate) network: NetworkId,
    pub(crate) network_options: InterfaceName,
}

/// A network's id.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NetworkId {
    pub(crate) id: String,
}

/// An interface's name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InterfaceName {
    pub(crate) interface_name: String,
}

/// Reads standard input: one JSON value.
pub(crate) fn read(input: impl Read) -> Result<Value, DriverError> {
    let mut text = Vec::new();
    // One byte more than allowed shows that there is more.
    let mut input = input.take(LIMIT as u64 + 1);
    input.read_to_end(&mut text).map_err(DriverError::Read)?;
    if text.len() > LIMIT {
        return Err(DriverError::TooLong);
    }
    json::parse(&text).map_err(DriverError::Json)
}

/// Reads a value as a type.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, DriverError> {
    serde_json::from_value(value).map_err(DriverError::Shape)
}
