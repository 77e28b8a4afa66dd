//! The network configuration on standard input: from JSON to a typed, validated value. Pure.
//!
//! Keys of ours that are unknown or of the wrong type are refused, keys that the runtime or libcni adds are not. At DEL
//! mistakes are passed over as far as possible, since what must go was written down at ADD.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde_json::Value;

use super::error::ConfigurationError;
use super::json;
use super::json::{Fields, brief};
use super::log::Level;
use super::result::Dns;
use super::version::{Verb, Version};
use pinwire_wiring::annotation::LinkType;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::ledger::Identifier;
use pinwire_wiring::name::MacAddress;

mod runtime;
mod vf;

use runtime::Runtime;
pub use vf::VfConfiguration;

/// The most that is read from standard input or from a delegate, bytes.
pub const LIMIT: usize = 1 << 20;
/// The capability by which runtimes hand a pod's annotations over.
pub const POD_ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";
/// Keys that the specification, runtimes and meta-plugins put into any configuration.
const THEIRS: [&str; 3] = ["type", "capabilities", "args"];

/// A validated network configuration.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Version of the specification, echoed in the result.
    pub version: Version,
    /// `name`: the network.
    pub network: Identifier,
    /// `mac`, of `runtimeConfig` and of the configuration.
    pub mac: [Option<MacAddress>; 2],
    /// `mtu`, bytes, of `runtimeConfig` and of the configuration.
    pub mtu: [Option<u32>; 2],
    /// `ips`, of `runtimeConfig` and of the configuration.
    pub addresses: [Vec<IpNet>; 2],
    /// `ipMasq`: whether what leaves the host gets the host's address.
    pub masquerade: bool,
    /// `ipam.type`: the executable that manages addresses.
    pub ipam: Option<String>,
    /// What is said of virtual functions.
    pub vf: VfConfiguration,
    /// `tuning` of the interface.
    pub tuning: Tuning,
    /// `dns`, for the result.
    pub dns: Dns,
    /// `stateDir`: where to keep state.
    pub state: Option<PathBuf>,
    /// `logFile`: a path, or `journald`.
    pub log_file: Option<String>,
    /// `logLevel`.
    pub log_level: Level,
    /// The pod's annotations, of `runtimeConfig`.
    pub annotations: BTreeMap<String, String>,
    /// `prevResult`, as it came.
    pub previous: Option<Value>,
    /// `cni.dev/valid-attachments`: what GC leaves alone.
    pub valid_attachments: Option<Vec<ValidAttachment>>,
    /// The whole text, for delegates.
    pub text: Vec<u8>,
}

/// An attachment that the runtime knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidAttachment {
    /// The container's id.
    pub container: String,
    /// The interface's name in the container.
    pub interface: String,
}

impl Configuration {
    /// Reads a configuration for a verb.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: Vec<u8>, verb: Verb) -> Result<Self, ConfigurationError> {
        if text.len() > LIMIT {
            return Err(ConfigurationError::TooLong);
        }
        let value = json::parse(&text).map_err(ConfigurationError::Decode)?;
        if !value.is_object() {
            return Err(ConfigurationError::NotAnObject(brief(&value)));
        }
        let lenient = verb == Verb::Del;
        let version = version(&value, verb)?;
        let mut fields = Fields::of("", value, lenient)?;
        fields.take_value("cniVersion")?;
        let runtime = Runtime::read(fields.take_value("runtimeConfig")?, lenient)?;
        let configuration = Self {
            version,
            network: network(&mut fields)?,
            mac: [runtime.mac, fields.take("mac")?],
            mtu: [runtime.mtu, mtu(fields.take("mtu")?, lenient)?],
            addresses: [runtime.addresses, addresses(&mut fields, "ips")?],
            masquerade: fields.take("ipMasq")?.unwrap_or(false),
            ipam: ipam(fields.take_value("ipam")?, lenient)?,
            vf: VfConfiguration::read(&mut fields, runtime.device)?,
            tuning: fields.take("tuning")?.unwrap_or_default(),
            dns: fields.take("dns")?.unwrap_or_default(),
            state: directory(fields.take("stateDir")?, lenient)?,
            log_file: log_file(fields.take("logFile")?, lenient)?,
            log_level: fields.take("logLevel")?.unwrap_or_default(),
            annotations: runtime.annotations,
            previous: fields.take_value("prevResult")?,
            valid_attachments: valid_attachments(&mut fields)?,
            text,
        };
        fields.pass(is_theirs);
        fields.finish()?;
        if !lenient {
            check_tuning(&configuration)?;
        }
        if !lenient && configuration.ipam.is_some() && !configuration.addresses[1].is_empty() {
            return Err(ConfigurationError::Invalid {
                key: "ips".to_owned(),
                reason: "addresses come either from `ips` or from `ipam`".to_owned(),
            });
        }
        Ok(configuration)
    }
}

/// Whether a key may be there without being ours.
fn is_theirs(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("cni.dev/")
        || THEIRS.iter().any(|theirs| theirs.eq_ignore_ascii_case(key))
}

/// The configuration's version: 0.1.0 where it names none, and the verb must be one of that version's.
fn version(value: &Value, verb: Verb) -> Result<Version, ConfigurationError> {
    let version = match json::get(value, "cniVersion") {
        None | Some(Value::Null) => Version::V0_1_0,
        Some(Value::String(text)) if text.is_empty() => Version::V0_1_0,
        Some(Value::String(text)) => text
            .parse()
            .map_err(|()| ConfigurationError::Version(text.clone()))?,
        Some(other) => return Err(ConfigurationError::Version(brief(other))),
    };
    if version < verb.since() {
        return Err(ConfigurationError::Verb { version, verb });
    }
    Ok(version)
}

fn network(fields: &mut Fields) -> Result<Identifier, ConfigurationError> {
    let invalid = |reason| ConfigurationError::Invalid {
        key: "name".to_owned(),
        reason,
    };
    let name: Option<String> = fields.take("name")?;
    let name = name.ok_or_else(|| invalid("the network needs a name".to_owned()))?;
    name.parse().map_err(invalid)
}

/// Whether the interface that is attached can be tuned as is asked for.
fn check_tuning(configuration: &Configuration) -> Result<(), ConfigurationError> {
    let kind = match configuration.vf.wanted() {
        Ok(false) => LinkType::Veth,
        Ok(true) | Err(_) => LinkType::Vf,
    };
    let checked = configuration.tuning.check(kind);
    checked.map_err(|(key, reason)| ConfigurationError::Invalid {
        key: format!("tuning.{key}"),
        reason,
    })
}

/// Passes a value that was checked, or forgets it where mistakes are passed over.
fn checked<T>(
    key: &str,
    value: Result<T, String>,
    lenient: bool,
) -> Result<Option<T>, ConfigurationError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(_) if lenient => Ok(None),
        Err(reason) => Err(ConfigurationError::Invalid {
            key: key.to_owned(),
            reason,
        }),
    }
}

fn mtu(mtu: Option<u32>, lenient: bool) -> Result<Option<u32>, ConfigurationError> {
    match mtu.map(default::check_mtu) {
        None => Ok(None),
        Some(checked_mtu) => checked("mtu", checked_mtu, lenient),
    }
}

fn addresses(fields: &mut Fields, key: &'static str) -> Result<Vec<IpNet>, ConfigurationError> {
    let texts: Vec<String> = fields.take(key)?.unwrap_or_default();
    let addresses = texts.iter().map(|text| address(text)).collect();
    Ok(checked(key, addresses, fields.is_lenient())?.unwrap_or_default())
}

/// An address with a prefix length; that of a single address where there is none.
pub(super) fn address(text: &str) -> Result<IpNet, String> {
    let single = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(single)
        .map_err(|_| format!("`{text}` is not an address such as 10.0.0.1/24"))
}

fn ipam(value: Option<Value>, lenient: bool) -> Result<Option<String>, ConfigurationError> {
    let Some(value) = value else { return Ok(None) };
    let mut fields = Fields::of("ipam", value, lenient)?;
    let kind: Option<String> = fields.take("type")?;
    match kind.filter(|kind| !kind.is_empty()) {
        Some(kind) if kind.contains('/') || kind.starts_with('.') => checked(
            "ipam.type",
            Err(format!(
                "`{kind}` must be the name of an executable of CNI_PATH"
            )),
            lenient,
        ),
        // An empty object is how some runtimes say that there is none.
        kind => Ok(kind),
    }
}

fn directory(text: Option<String>, lenient: bool) -> Result<Option<PathBuf>, ConfigurationError> {
    let Some(path) = text.map(PathBuf::from) else {
        return Ok(None);
    };
    let value = if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("`{}` must be an absolute path", path.display()))
    };
    checked("stateDir", value, lenient)
}

fn log_file(text: Option<String>, lenient: bool) -> Result<Option<String>, ConfigurationError> {
    let Some(text) = text else { return Ok(None) };
    let value = if text.starts_with('/') || text == super::log::JOURNALD {
        Ok(text)
    } else {
        Err(format!("`{text}` must be an absolute path, or `journald`"))
    };
    checked("logFile", value, lenient)
}

/// The current key, or else the one that libcni sends for old plugins. A `null` is how Go writes an empty list, so here
/// the key's presence counts.
fn valid_attachments(
    fields: &mut Fields,
) -> Result<Option<Vec<ValidAttachment>>, ConfigurationError> {
    let mut found = None;
    for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
        if !fields.has(key) {
            continue;
        }
        let list: Vec<Value> = fields.take(key)?.unwrap_or_default();
        let list = list
            .into_iter()
            .map(valid_attachment)
            .collect::<Result<Vec<_>, _>>()?;
        found = found.or(Some(list));
    }
    Ok(found)
}

fn valid_attachment(value: Value) -> Result<ValidAttachment, ConfigurationError> {
    const PATH: &str = "cni.dev/valid-attachments";
    let mut fields = Fields::of(PATH, value, false)?;
    let missing = |key: &str| ConfigurationError::Invalid {
        key: format!("{PATH}.{key}"),
        reason: "it is missing".to_owned(),
    };
    Ok(ValidAttachment {
        container: fields
            .take("containerID")?
            .ok_or_else(|| missing("containerID"))?,
        interface: fields.take("ifname")?.ok_or_else(|| missing("ifname"))?,
    })
}
