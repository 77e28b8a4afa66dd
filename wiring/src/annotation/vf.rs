//! What a link says of its virtual function: `vf` of a link in `pinwire.dev/links`, and of a network configuration. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{Attributes, LinkState, QOS_MAX, Rate, VLAN_MAX, Vlan, VlanProtocol};

/// The driver by which a process drives a PCI device itself (Documentation/driver-api/vfio.rst).
pub const VFIO: &str = "vfio-pci";

/// A driver that hands a virtual function to a process: it has no interface then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UserDriver {
    /// By `/dev/vfio/GROUP` (Documentation/driver-api/vfio.rst).
    #[serde(rename = "vfio-pci")]
    Vfio,
}

impl UserDriver {
    /// Its name, as the kernel knows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vfio => VFIO,
        }
    }
}

/// The virtual function of a link: where it is from, and what it is told. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VfOptions {
    /// The pool that it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Its index on the physical function; over a cable the same at both ends. The first free one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Who drives it; the kernel unless given, as an interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<UserDriver>,
    /// The same of the other end of a wire, whose own `driver` it must be: whichever end is first takes both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_driver: Option<UserDriver>,
    /// VLAN, 1 to 4094, which the card puts on all that it sends, or 0 for none; a wire has one of its own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4094))]
    pub vlan: Option<u16>,
    /// Priority of the VLAN's frames, 0 to 7.
    #[serde(default, rename = "vlanQoS", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 7))]
    pub vlan_qos: Option<u8>,
    /// Protocol of the VLAN's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan_proto: Option<VlanProtocol>,
    /// Whether frames from another MAC address than its own are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoofcheck: Option<bool>,
    /// Whether it may change its MAC address and be promiscuous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
    /// The link that it sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_state: Option<LinkState>,
    /// What it may send at least, Mbit/s; 0 for no guarantee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tx_rate: Option<u32>,
    /// What it may send at most, Mbit/s; 0 for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tx_rate: Option<u32>,
    /// Whether its interface takes all multicast frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allmulticast: Option<bool>,
    /// Whether its interface takes all frames; most cards want it trusted for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promiscuous: Option<bool>,
    /// Whether the virtual function is reset when it is given back, before anybody else gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
}

impl VfOptions {
    /// The attributes that are asked for; the MAC address is not said here, nor the VLAN that a wire gets later.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn attributes(&self, wire: bool) -> Result<Attributes, (&'static str, String)> {
        let rate = (self.min_tx_rate, self.max_tx_rate);
        let (min, max) = (rate.0.unwrap_or(0), rate.1.unwrap_or(0));
        if max != 0 && min > max {
            return Err((
                "minTxRate",
                format!("{min} Mbit/s is more than `maxTxRate`, {max}"),
            ));
        }
        Ok(Attributes {
            mac: None,
            vlan: self.vlan(wire)?,
            rate: (rate != (None, None)).then_some(Rate { min, max }),
            spoof_check: self.spoofcheck,
            link_state: self.link_state,
            trust: self.trust,
        })
    }

    fn vlan(&self, wire: bool) -> Result<Option<Vlan>, (&'static str, String)> {
        let (id, qos) = (self.vlan, self.vlan_qos.unwrap_or(0));
        if let Some(id) = id.filter(|id| *id > VLAN_MAX) {
            return Err(("vlan", format!("{id} is not between 0 and {VLAN_MAX}")));
        }
        if qos > QOS_MAX {
            return Err(("vlanQoS", format!("{qos} is not between 0 and {QOS_MAX}")));
        }
        // A wire's VLAN is chosen later, and takes these along.
        let tagged = id.is_some_and(|id| id > 0) || (id.is_none() && wire);
        if qos > 0 && !tagged {
            return Err(("vlanQoS", format!("{qos} needs a VLAN")));
        }
        if self.vlan_proto == Some(VlanProtocol::Service) && !tagged {
            return Err(("vlanProto", "802.1ad needs a VLAN".to_owned()));
        }
        Ok(id.map(|id| self.tag(id)))
    }

    /// A VLAN with the priority and protocol that are asked for.
    pub fn tag(&self, id: u16) -> Vlan {
        Vlan {
            id,
            qos: self.vlan_qos.unwrap_or(0),
            protocol: self.vlan_proto.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let cases = [
            ("nothing", "{}", Ok(())),
            (
                "all",
                r#"{"vlan": 4094, "vlanQoS": 7, "vlanProto": "802.1ad", "minTxRate": 5, "maxTxRate": 5}"#,
                Ok(()),
            ),
            ("no limit", r#"{"minTxRate": 5, "maxTxRate": 0}"#, Ok(())),
            ("vlan", r#"{"vlan": 4095}"#, Err("vlan")),
            ("qos", r#"{"vlan": 1, "vlanQoS": 8}"#, Err("vlanQoS")),
            ("qos alone", r#"{"vlanQoS": 1}"#, Err("vlanQoS")),
            (
                "qos of no VLAN",
                r#"{"vlan": 0, "vlanQoS": 1}"#,
                Err("vlanQoS"),
            ),
            (
                "protocol alone",
                r#"{"vlanProto": "802.1ad"}"#,
                Err("vlanProto"),
            ),
            (
                "rates",
                r#"{"minTxRate": 6, "maxTxRate": 5}"#,
                Err("minTxRate"),
            ),
        ];
        for (name, text, expected) in cases {
            let options: VfOptions = serde_json::from_str(text).unwrap();
            let result = options.attributes(false).map(drop).map_err(|(key, _)| key);
            assert_eq!(result, expected, "{name}");
        }
        // A wire gets a VLAN of its own.
        for text in [r#"{"vlanProto": "802.1ad"}"#, r#"{"vlanQoS": 1}"#] {
            let options: VfOptions = serde_json::from_str(text).unwrap();
            assert_eq!(options.attributes(true).map(drop), Ok(()), "{text}");
        }
    }

    #[test]
    fn absent_is_not_zero() {
        let options: VfOptions = serde_json::from_str("{}").unwrap();
        assert_eq!(options.attributes(false).unwrap().list(), []);
        let options: VfOptions = serde_json::from_str(r#"{"vlan": 0}"#).unwrap();
        assert_eq!(options.attributes(false).unwrap().list().len(), 1);
    }
}
