//! The keys of a configuration that are about virtual functions: pools, `vf`, and those of sriov-cni under their own
//! names, so that its configurations work as they are. Pure.

use serde_json::Value;

use super::{ConfigurationError, Fields, checked};
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::{LinkState, Pool, Pools, RawPool, VfOptions, VlanProtocol};
use pinwire_wiring::machine::PciAddress;

/// What a configuration says of virtual functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VfConfiguration {
    /// `deviceID`: the virtual function to attach, by its PCI address. That of `runtimeConfig` comes first.
    pub device: Option<PciAddress>,
    /// Where else to take one from, and what it is told.
    pub options: VfOptions,
    /// `pools`.
    pub pools: Pools,
    /// `strict`: whether an attribute that the driver does not support is an error, not a warning.
    pub strict: bool,
}

impl VfConfiguration {
    pub(super) fn read(
        fields: &mut Fields,
        runtime_device: Option<PciAddress>,
    ) -> Result<Self, ConfigurationError> {
        let lenient = fields.is_lenient();
        let device: Option<PciAddress> = fields.take("deviceID")?;
        // Multus says the same twice for plugins that know this one.
        let bus: Option<PciAddress> = fields.take("pciBusID")?;
        let strict = fields.take("strict")?.unwrap_or(false);
        let pools = pools(fields.take_value("pools")?, lenient)?;
        let own: Option<VfOptions> = fields.take("vf")?;
        let theirs = sriov(fields)?;
        let options = match own {
            Some(_) if theirs != VfOptions::default() && !lenient => {
                return Err(ConfigurationError::Invalid {
                    key: "vf".to_owned(),
                    reason: "it comes with keys of sriov-cni, such as `vlan`: write all inside, or all beside it".to_owned(),
                });
            }
            Some(own) => own,
            None => theirs,
        };
        let attributes = options
            .attributes(false)
            .map_err(|(key, reason)| format!("{key}: {reason}"));
        checked("vf", attributes, lenient)?;
        checked("vf", check_driver(&options), lenient)?;
        if options.pool.is_some() {
            let pool = default::pool(&pools, options.pool.as_deref(), false);
            checked("vf.pool", pool.map_err(|error| error.to_string()), lenient)?;
        }
        Ok(Self {
            device: runtime_device.or(device).or(bus),
            options,
            pools,
            strict,
        })
    }

    /// Whether a virtual function is to be attached.
    ///
    /// # Errors
    /// Where something is said of one, but not where it is from.
    pub(crate) fn wanted(&self) -> Result<bool, ConfigurationError> {
        if self.device.is_some() || self.options.pool.is_some() {
            return Ok(true);
        }
        if self.options == VfOptions::default() {
            return Ok(false);
        }
        Err(ConfigurationError::Invalid {
            key: "deviceID".to_owned(),
            reason: "the configuration describes a virtual function, but neither `deviceID` nor `vf.pool` says which"
                .to_owned(),
        })
    }
}

/// Whether what is said of drivers makes sense for one interface that a runtime asks for.
fn check_driver(options: &VfOptions) -> Result<(), String> {
    if options.peer_driver.is_some() {
        return Err("peerDriver: only a link of a topology has another end".to_owned());
    }
    let flags = [
        ("allmulticast", options.allmulticast),
        ("promiscuous", options.promiscuous),
    ];
    let flag = flags.iter().find(|(_, flag)| flag.is_some());
    match (options.driver, flag) {
        (Some(driver), Some((key, _))) => Err(format!(
            "{key}: with the driver {} there is no interface",
            driver.as_str()
        )),
        _ => Ok(()),
    }
}

fn pools(value: Option<Value>, lenient: bool) -> Result<Pools, ConfigurationError> {
    let mut pools = Pools::new();
    let Some(value) = value else {
        return Ok(pools);
    };
    let Value::Object(entries) = value else {
        checked::<()>("pools", Err("it must be an object".to_owned()), lenient)?;
        return Ok(pools);
    };
    for (name, value) in entries {
        let mut fields = Fields::of("pools", value, lenient)?;
        let raw = RawPool {
            physical_functions: fields.take("physicalFunctions")?,
            cable: fields.take("cable")?,
            indices: fields.take("indices")?,
            first_vlan: fields.take("firstVlan")?,
        };
        fields.finish()?;
        let pool = Pool::try_from(raw).map_err(|reason| format!("{name}: {reason}"));
        if let Some(pool) = checked("pools", pool, lenient)? {
            pools.insert(name, pool);
        }
    }
    Ok(pools)
}

/// `on` or `off`: anything else is refused, where sriov-cni takes it for `off`.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// sriov-cni's keys (docs/configuration-reference.md of that project).
fn sriov(fields: &mut Fields) -> Result<VfOptions, ConfigurationError> {
    let switch = |switch: Option<Switch>| switch.map(|switch| matches!(switch, Switch::On));
    let link_state: Option<LinkState> = fields.take("link_state")?;
    let vlan_proto: Option<VlanProtocol> = fields.take("vlanProto")?;
    Ok(VfOptions {
        vlan: fields.take("vlan")?,
        vlan_qos: fields.take("vlanQoS")?,
        vlan_proto,
        min_tx_rate: fields.take("min_tx_rate")?,
        max_tx_rate: fields.take("max_tx_rate")?,
        spoofcheck: switch(fields.take("spoofchk")?),
        trust: switch(fields.take("trust")?),
        link_state,
        ..VfOptions::default()
    })
}
