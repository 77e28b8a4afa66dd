//! Results of ADD: read in any version's shape, written in that of the version asked for.
//!
//! Only what a result says. A chained plugin hands the previous result on as it is: `previous`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::version::Version;

/// What an ADD resulted in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<Address>,
    /// Routes.
    pub routes: Vec<ResultRoute>,
    /// Name service.
    pub dns: Dns,
}

/// An interface of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// MAC address, as its plugin wrote it.
    pub mac: Option<String>,
    /// Maximum transmission unit, bytes.
    pub mtu: Option<u32>,
    /// Path of the network namespace; absent for interfaces of the host.
    pub sandbox: Option<String>,
    /// PCI address of the device, where it is one.
    #[serde(rename = "pciID")]
    pub pci_id: Option<String>,
}

/// An address of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its interface's position in the list of interfaces.
    #[serde(default)]
    pub interface: Option<i64>,
    /// Address and prefix length.
    pub address: IpNet,
    /// The gateway of its network.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
}

/// A route of a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResultRoute {
    /// Destination.
    pub dst: IpNet,
    /// Next hop; the gateway of the addresses where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gw: Option<IpAddr>,
    /// Maximum transmission unit along the path, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Maximum segment size to advertise, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Metric, lower is preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Routing table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// Scope (`rt_scope_t`, linux/rtnetlink.h).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
}

/// Name service of a result or a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    /// Servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Domain of names without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Domains to search.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// `ip4` or `ip6` of a result before 0.3.0.
#[derive(Deserialize)]
struct Legacy {
    ip: IpNet,
    #[serde(default)]
    gateway: Option<IpAddr>,
    #[serde(default)]
    routes: Option<Vec<ResultRoute>>,
}

/// A result that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// It is no JSON.
    #[error("the {whose} is not JSON")]
    Json {
        /// Whose result it is.
        whose: String,
        /// Why.
        source: serde_json::Error,
    },
    /// It has another shape than a result.
    #[error("`{key}` of the {whose} is wrong")]
    Shape {
        /// Whose result it is.
        whose: String,
        /// The key.
        key: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// It is no object.
    #[error("the {0} is not an object")]
    NotAnObject(String),
}

impl Outcome {
    /// Reads a result in either shape; `whose` names it in messages.
    ///
    /// # Errors
    /// [`ResultError`].
    pub fn read(whose: &str, value: &Value) -> Result<Self, ResultError> {
        if !value.is_object() {
            return Err(ResultError::NotAnObject(whose.to_owned()));
        }
        let mut outcome = Self {
            interfaces: list(whose, value, "interfaces")?,
            ips: list(whose, value, "ips")?,
            routes: list(whose, value, "routes")?,
            dns: field(whose, value, "dns")?.unwrap_or_default(),
        };
        for key in ["ip4", "ip6"] {
            if let Some(legacy) = field::<Legacy>(whose, value, key)? {
                outcome.ips.push(Address {
                    interface: None,
                    address: legacy.ip,
                    gateway: legacy.gateway,
                });
                outcome.routes.extend(legacy.routes.into_iter().flatten());
            }
        }
        Ok(outcome)
    }

    /// Writes the result in a version's shape.
    pub fn write(&self, version: Version) -> Value {
        let mut result = Map::new();
        result.insert("cniVersion".to_owned(), version.as_str().into());
        if version < Version::V0_3_0 {
            for (key, v4) in [("ip4", true), ("ip6", false)] {
                if let Some(family) = self.legacy(v4) {
                    result.insert(key.to_owned(), family);
                }
            }
        } else {
            let ips = self.ips.iter().map(|ip| ip.write(version));
            let interfaces = self.interfaces.iter();
            let interfaces = interfaces.map(|interface| interface.write(version));
            let routes = self.routes.iter().map(|route| route.write(version));
            insert(&mut result, "interfaces", interfaces.collect());
            insert(&mut result, "ips", ips.collect());
            insert(&mut result, "routes", routes.collect());
        }
        if self.dns != Dns::default() {
            result.insert("dns".to_owned(), json!(self.dns));
        }
        Value::Object(result)
    }

    /// The first address of a family, which is all that versions before 0.3.0 can say.
    fn legacy(&self, v4: bool) -> Option<Value> {
        let ip = self
            .ips
            .iter()
            .find(|ip| ip.address.addr().is_ipv4() == v4)?;
        let routes = self.routes.iter();
        let routes = routes.filter(|route| route.dst.addr().is_ipv4() == v4);
        let mut family = json!({"ip": ip.address.to_string()});
        if let (Some(gateway), Some(family)) = (ip.gateway, family.as_object_mut()) {
            family.insert("gateway".to_owned(), gateway.to_string().into());
        }
        let routes: Vec<Value> = routes.map(|route| route.write(Version::V0_2_0)).collect();
        if let Some(family) = family.as_object_mut() {
            insert(family, "routes", routes);
        }
        Some(family)
    }
}

impl Interface {
    /// Writes the interface in the shape of a version of at least 0.3.0.
    pub fn write(&self, version: Version) -> Value {
        let mut interface = Map::new();
        interface.insert("name".to_owned(), self.name.clone().into());
        if let Some(mac) = &self.mac {
            interface.insert("mac".to_owned(), mac.clone().into());
        }
        if let Some(mtu) = self.mtu.filter(|_| version >= Version::V1_1_0) {
            interface.insert("mtu".to_owned(), mtu.into());
        }
        if let Some(sandbox) = &self.sandbox {
            interface.insert("sandbox".to_owned(), sandbox.clone().into());
        }
        if let Some(address) = self.pci_id.as_ref().filter(|_| version >= Version::V1_1_0) {
            interface.insert("pciID".to_owned(), address.clone().into());
        }
        Value::Object(interface)
    }
}

impl Address {
    /// The address as that of the interface at a position of the list.
    #[must_use]
    pub(crate) fn of(self, position: i64) -> Self {
        Self {
            interface: Some(position),
            ..self
        }
    }

    fn write(&self, version: Version) -> Value {
        let mut ip = Map::new();
        if version < Version::V1_0_0 {
            let family = if self.address.addr().is_ipv4() {
                "4"
            } else {
                "6"
            };
            ip.insert("version".to_owned(), family.into());
        }
        if let Some(interface) = self.interface {
            ip.insert("interface".to_owned(), interface.into());
        }
        ip.insert("address".to_owned(), self.address.to_string().into());
        if let Some(gateway) = self.gateway {
            ip.insert("gateway".to_owned(), gateway.to_string().into());
        }
        Value::Object(ip)
    }
}

impl ResultRoute {
    fn write(&self, version: Version) -> Value {
        if version >= Version::V1_1_0 {
            return json!(self);
        }
        let mut route = json!({"dst": self.dst.to_string()});
        if let (Some(gateway), Some(route)) = (self.gw, route.as_object_mut()) {
            route.insert("gw".to_owned(), gateway.to_string().into());
        }
        route
    }
}

fn insert(object: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object.insert(key.to_owned(), Value::Array(list));
    }
}

fn list<T: serde::de::DeserializeOwned>(
    whose: &str,
    value: &Value,
    key: &'static str,
) -> Result<Vec<T>, ResultError> {
    Ok(field(whose, value, key)?.unwrap_or_default())
}

fn field<T: serde::de::DeserializeOwned>(
    whose: &str,
    value: &Value,
    key: &'static str,
) -> Result<Option<T>, ResultError> {
    let Some(value) = super::json::get(value, key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let read = T::deserialize(value);
    read.map(Some).map_err(|source| ResultError::Shape {
        whose: whose.to_owned(),
        key,
        source,
    })
}
