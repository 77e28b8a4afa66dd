//! What a virtual function can be told through its physical function (ip-link(8), "vf NUM"): as it is asked for, as it is
//! found, and the difference. Pure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::MacAddress;

/// The highest VLAN that can be used; 4095 is reserved (IEEE 802.1Q).
pub const VLAN_MAX: u16 = 4094;
/// The highest priority of a frame (IEEE 802.1Q, PCP).
pub const QOS_MAX: u8 = 7;

/// The tag that a switch of the card puts on what a virtual function sends, and takes off what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vlan {
    /// The VLAN, 0 for none.
    pub id: u16,
    /// Priority, 0 to 7.
    pub qos: u8,
    /// Protocol of the tag.
    pub protocol: VlanProtocol,
}

/// The protocol of a VLAN tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VlanProtocol {
    /// Customer tag, ethertype 0x8100.
    #[default]
    #[serde(rename = "802.1q", alias = "802.1Q")]
    Customer,
    /// Service tag, ethertype 0x88a8.
    #[serde(rename = "802.1ad", alias = "802.1AD", alias = "802.1Ad")]
    Service,
}

/// What a virtual function may send, Mbit/s; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// What it is guaranteed.
    pub min: u32,
    /// What it is limited to.
    pub max: u32,
}

/// The link that a virtual function sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// That of the physical function.
    #[default]
    Auto,
    /// Up, even if the physical function's is down: virtual functions can reach each other then.
    Enable,
    /// Down.
    Disable,
}

/// One attribute with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// MAC address; `None` lets the virtual function choose its own.
    Mac(Option<MacAddress>),
    /// VLAN.
    Vlan(Vlan),
    /// Rate.
    Rate(Rate),
    /// Whether frames from a foreign MAC address are dropped.
    SpoofCheck(bool),
    /// Link state.
    LinkState(LinkState),
    /// Whether the virtual function may do what only trusted ones may: change its MAC address, be promiscuous.
    Trust(bool),
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on: bool| if on { "on" } else { "off" };
        match self {
            Self::Mac(Some(mac)) => write!(formatter, "MAC address {mac}"),
            Self::Mac(None) => formatter.write_str("no MAC address"),
            Self::Vlan(Vlan { id: 0, .. }) => formatter.write_str("no VLAN"),
            Self::Vlan(Vlan { id, qos, protocol }) => {
                write!(formatter, "VLAN {id}")?;
                if *qos > 0 {
                    write!(formatter, " qos {qos}")?;
                }
                match protocol {
                    VlanProtocol::Customer => Ok(()),
                    VlanProtocol::Service => formatter.write_str(" proto 802.1ad"),
                }
            }
            Self::Rate(Rate { min, max }) => {
                write!(formatter, "rate {min} to {max} Mbit/s")
            }
            Self::SpoofCheck(value) => write!(formatter, "spoof check {}", on(*value)),
            Self::Trust(value) => write!(formatter, "trust {}", on(*value)),
            Self::LinkState(state) => {
                write!(
                    formatter,
                    "link state {}",
                    format!("{state:?}").to_lowercase()
                )
            }
        }
    }
}

/// The attributes that a virtual function is to have; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attributes {
    /// MAC address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vlan>,
    /// Rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Spoof check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof_check: Option<bool>,
    /// Link state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_state: Option<LinkState>,
    /// Trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
}

/// The attributes that a virtual function has; what its driver does not report is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Found {
    /// MAC address; none if it is all zeros: the virtual function has chosen none yet, nor was it given one.
    pub mac: Option<MacAddress>,
    /// VLAN.
    pub vlan: Option<Vlan>,
    /// Rate.
    pub rate: Option<Rate>,
    /// Spoof check.
    pub spoof_check: Option<bool>,
    /// Link state.
    pub link_state: Option<LinkState>,
    /// Trust.
    pub trust: Option<bool>,
}

impl Attributes {
    /// All attributes that are asked for.
    pub fn list(&self) -> Vec<Attribute> {
        [
            self.mac.map(|mac| Attribute::Mac(Some(mac))),
            self.vlan.map(Attribute::Vlan),
            self.rate.map(Attribute::Rate),
            self.spoof_check.map(Attribute::SpoofCheck),
            self.link_state.map(Attribute::LinkState),
            self.trust.map(Attribute::Trust),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What has to be told: all that is not found so. A MAC address always has to, since the same address chosen by the
    /// virtual function itself would not bind it.
    pub fn changes(&self, found: &Found) -> Vec<Attribute> {
        let mut changes = self.list();
        changes
            .retain(|attribute| matches!(attribute, Attribute::Mac(_)) || !found.has(*attribute));
        changes
    }
}

impl Found {
    /// Whether an attribute has a value.
    pub fn has(&self, attribute: Attribute) -> bool {
        self.value_of(attribute) == Some(attribute)
    }

    /// The value that an attribute has, whatever the value given; `None` if the driver does not report it.
    pub fn value_of(&self, attribute: Attribute) -> Option<Attribute> {
        Some(match attribute {
            Attribute::Mac(_) => Attribute::Mac(self.mac),
            Attribute::Vlan(_) => Attribute::Vlan(self.vlan?),
            Attribute::Rate(_) => Attribute::Rate(self.rate?),
            Attribute::SpoofCheck(_) => Attribute::SpoofCheck(self.spoof_check?),
            Attribute::LinkState(_) => Attribute::LinkState(self.link_state?),
            Attribute::Trust(_) => Attribute::Trust(self.trust?),
        })
    }

    /// What has to be told for all to be as in `self` again, the MAC address apart.
    pub fn restoring(&self, now: &Self) -> Vec<Attribute> {
        let attributes = Attributes {
            mac: None,
            vlan: self.vlan,
            rate: self.rate,
            spoof_check: self.spoof_check,
            link_state: self.link_state,
            trust: self.trust,
        };
        attributes.changes(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            mac: None,
            vlan: Some(Vlan::default()),
            rate: Some(Rate::default()),
            spoof_check: Some(true),
            link_state: Some(LinkState::Auto),
            trust: None,
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let vlan = |id| Vlan {
            id,
            ..Vlan::default()
        };
        let mac: MacAddress = "02:00:00:00:00:01".parse().unwrap();
        let cases = [
            ("nothing", Attributes::default(), ""),
            (
                "no VLAN where there is none",
                Attributes {
                    vlan: Some(vlan(0)),
                    ..Attributes::default()
                },
                "",
            ),
            (
                "all",
                Attributes {
                    mac: Some(mac),
                    vlan: Some(vlan(7)),
                    rate: Some(Rate { min: 0, max: 100 }),
                    spoof_check: Some(false),
                    link_state: Some(LinkState::Auto),
                    trust: Some(true),
                },
                "MAC address 02:00:00:00:00:01, VLAN 7, rate 0 to 100 Mbit/s, spoof check off, trust on",
            ),
        ];
        for (name, wanted, expected) in cases {
            let changes = wanted.changes(&found());
            let texts: Vec<String> = changes.iter().map(Attribute::to_string).collect();
            assert_eq!(texts.join(", "), expected, "{name}");
        }
    }

    #[test]
    fn what_was_found_is_restored() {
        let now = Found {
            vlan: Some(Vlan {
                id: 5,
                qos: 1,
                protocol: VlanProtocol::Service,
            }),
            spoof_check: Some(false),
            trust: Some(true),
            ..found()
        };
        let changes = found().restoring(&now);
        let texts: Vec<String> = changes.iter().map(Attribute::to_string).collect();
        // Trust was not reported before, so it is not known what to restore.
        assert_eq!(texts, ["no VLAN", "spoof check on"]);
        assert_eq!(found().restoring(&found()), []);
    }
}
