//! `runtimeConfig`: what the runtime knows of an attachment. Pure.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::Value;

use super::{ConfigurationError, Fields, POD_ANNOTATIONS, addresses, mtu};
use pinwire_wiring::machine::PciAddress;
use pinwire_wiring::name::MacAddress;

/// What the runtime knows of this very attachment.
#[derive(Default)]
pub(super) struct Runtime {
    pub(super) mac: Option<MacAddress>,
    pub(super) mtu: Option<u32>,
    pub(super) addresses: Vec<IpNet>,
    pub(super) device: Option<PciAddress>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Runtime {
    /// Keys of other capabilities are passed over: a runtime sends what the configuration's `capabilities` name.
    pub(super) fn read(value: Option<Value>, lenient: bool) -> Result<Self, ConfigurationError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        let mut fields = Fields::of("runtimeConfig", value, lenient)?;
        Ok(Self {
            mac: fields.take("mac")?,
            mtu: mtu(fields.take("mtu")?, lenient)?,
            addresses: addresses(&mut fields, "ips")?,
            device: fields.take("deviceID")?,
            annotations: fields.take(POD_ANNOTATIONS)?.unwrap_or_default(),
        })
    }
}
