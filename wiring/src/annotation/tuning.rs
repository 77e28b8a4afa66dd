//! What the hardware behind an interface is told: queues, descriptors, interrupt moderation, offloads, and the CPUs that serve
//! its interrupts. `tuning` of a link in `pinwire.dev/links`, and of a network configuration. Types, and what can be wrong with
//! them; what a driver makes of them is in `apply` and `interrupt`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{LinkType, Scalar};
use crate::machine::cpu::{CPUS_PATTERN, Cpus};

mod offload;

pub use crate::kernel::ethtool::Number;
pub use offload::Offload;

/// What an interface is tuned to. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tuning {
    /// Numbers of queues (`ethtool -L`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// Lengths of queues (`ethtool -G`); only of a virtual function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings: Option<Rings>,
    /// When a packet interrupts (`ethtool -C`); only of a virtual function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coalescing: Option<Coalescing>,
    /// Offloads, each on or off (`ethtool -K`).
    #[serde(default, deserialize_with = "crate::annotation::or_default")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offloads: BTreeMap<Offload, bool>,
    /// The CPUs that serve its interrupts, such as `2-3,6`; only of a virtual function.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "list"
    )]
    #[schemars(schema_with = "list_schema")]
    pub interrupts: Option<Cpus>,
}

/// The schema of a list of CPUs; one CPU alone may be a number.
fn list_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer", "null"],
        "pattern": CPUS_PATTERN,
        "minimum": 0,
    })
}

/// A list of CPUs, or one CPU.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cpus>, D::Error> {
    let list = Option::<Scalar>::deserialize(deserializer)?;
    let read = list.map(|list| list.to_string().parse());
    read.transpose().map_err(D::Error::custom)
}

/// Numbers of queues, 1 or more of those that the driver has. A veth's end has `rx` and `tx`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Channels {
    /// That only receive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx: Option<u32>,
    /// That only send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx: Option<u32>,
    /// For other purposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<u32>,
    /// That do both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combined: Option<u32>,
}

/// Lengths of queues, descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rings {
    /// Of those that receive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub rx: Option<u32>,
    /// Of those that send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tx: Option<u32>,
}

/// When a packet interrupts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Coalescing {
    /// How long after it was received at most, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_usecs: Option<u32>,
    /// How long after it was sent at most, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_usecs: Option<u32>,
    /// After how many were received at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_frames: Option<u32>,
    /// After how many were sent at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_frames: Option<u32>,
    /// Whether the driver chooses by what it receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_rx: Option<bool>,
    /// Whether the driver chooses by what it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_tx: Option<bool>,
}

/// The most queues that a veth's end can have (`veth_validate` and `rtnl_create_link` take 4096).
const VETH_QUEUES_MAX: u32 = 4096;

impl Tuning {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All numbers that are asked for.
    pub fn numbers(&self) -> Vec<(Number, u32)> {
        let channels = self.channels.clone().unwrap_or_default();
        let rings = self.rings.clone().unwrap_or_default();
        let coalescing = self.coalescing.clone().unwrap_or_default();
        let all = [
            (Number::ChannelsRx, channels.rx),
            (Number::ChannelsTx, channels.tx),
            (Number::ChannelsOther, channels.other),
            (Number::ChannelsCombined, channels.combined),
            (Number::RingsRx, rings.rx),
            (Number::RingsTx, rings.tx),
            (Number::RxUsecs, coalescing.rx_usecs),
            (Number::TxUsecs, coalescing.tx_usecs),
            (Number::RxFrames, coalescing.rx_frames),
            (Number::TxFrames, coalescing.tx_frames),
            (Number::AdaptiveRx, coalescing.adaptive_rx.map(u32::from)),
            (Number::AdaptiveTx, coalescing.adaptive_tx.map(u32::from)),
        ];
        let numbers = all.into_iter();
        numbers
            .filter_map(|(number, value)| Some((number, value?)))
            .collect()
    }

    /// What of it a veth's end has; `None` if that is nothing.
    #[must_use]
    pub fn of_veth(self) -> Option<Self> {
        let queues = |channels: Channels| Channels {
            other: None,
            combined: None,
            ..channels
        };
        let channels = self.channels.map(queues);
        let veth = Self {
            channels: channels.filter(|channels| *channels != Channels::default()),
            offloads: self.offloads,
            ..Self::default()
        };
        (!veth.is_empty()).then_some(veth)
    }

    /// The offload, if there is one, that the end of a wire cannot have so whose other end is at a node with the plane `xdp`
    /// ([`crate::setting::far_end`]): it receives by NAPI, and sends complete checksums, without which the kernel segments
    /// nothing later.
    pub fn against_xdp(&self) -> Option<&Offload> {
        let needed = [
            ("rx-gro", true),
            ("tx-checksum-ip-generic", false),
            ("tx-tcp-segmentation", false),
            ("tx-tcp6-segmentation", false),
        ];
        let needed = needed.map(|(name, on)| (name.to_owned(), on));
        let against = |(offload, on): &(&Offload, &bool)| {
            let names = offload.of(needed.iter().map(|(name, _)| name));
            let mut touched = needed.iter().filter(|(name, _)| names.contains(&name));
            touched.any(|(_, needed)| needed != *on)
        };
        let found = self.offloads.iter().find(against);
        found.map(|(offload, _)| offload)
    }

    /// Whether a link of a kind can be tuned so, as far as that can be told without the driver.
    ///
    /// # Errors
    /// The key that is wrong, with `.` between the names, and why.
    pub fn check(&self, kind: LinkType) -> Result<(), (String, String)> {
        let wrong = |key: &str, reason: &str| Err((key.to_owned(), reason.to_owned()));
        if kind == LinkType::Veth {
            let function = [
                ("rings", self.rings.is_some()),
                ("coalescing", self.coalescing.is_some()),
                ("interrupts", self.interrupts.is_some()),
            ];
            if let Some((key, _)) = function.into_iter().find(|(_, there)| *there) {
                return wrong(
                    key,
                    "a veth pair has no hardware: only a virtual function has",
                );
            }
        }
        for (number, value) in self.numbers() {
            let queues = matches!(number, Number::ChannelsRx | Number::ChannelsTx);
            match number {
                Number::RingsRx | Number::RingsTx if value == 0 => {
                    return wrong(&number.to_string(), "0 descriptors hold no packet");
                }
                Number::ChannelsCombined | Number::ChannelsOther if kind == LinkType::Veth => {
                    return wrong(
                        &number.to_string(),
                        "a veth's end has `rx` and `tx` channels only",
                    );
                }
                _ if queues
                    && kind == LinkType::Veth
                    && !(1..=VETH_QUEUES_MAX).contains(&value) =>
                {
                    return wrong(
                        &number.to_string(),
                        &format!("{value} is not between 1 and {VETH_QUEUES_MAX}"),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_plane_xdp_needs_of_the_other_end() {
        let cases = [
            (
                r#"{"gro": true, "txChecksum": false, "tso": false, "gso": true}"#,
                None,
            ),
            (r#"{"gro": false}"#, Some("gro")),
            (
                r#"{"tx-checksum-ip-generic": true}"#,
                Some("tx-checksum-ip-generic"),
            ),
            (r#"{"gro": true, "tso": true}"#, Some("tso")),
        ];
        for (offloads, expected) in cases {
            let tuning: Tuning =
                serde_json::from_str(&format!(r#"{{"offloads": {offloads}}}"#)).unwrap();
            let found = tuning.against_xdp().map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{offloads}");
        }
    }

    #[test]
    fn what_can_be_told_without_the_driver() {
        let cases = [
            ("nothing", "{}", Ok(()), Ok(())),
            (
                "all",
                r#"{"channels": {"combined": 1}, "rings": {"rx": 512}, "coalescing": {"rxUsecs": 0},
                    "offloads": {"gro": false, "rx-gro-list": true}, "interrupts": "0-1"}"#,
                Ok(()),
                Err("rings"),
            ),
            (
                "what a veth has",
                r#"{"channels": {"rx": 2, "tx": 2}, "offloads": {"tso": false}}"#,
                Ok(()),
                Ok(()),
            ),
            (
                "no descriptors",
                r#"{"rings": {"tx": 0}}"#,
                Err("rings.tx"),
                Err("rings"),
            ),
            (
                "combined channels of a veth",
                r#"{"channels": {"combined": 2}}"#,
                Ok(()),
                Err("channels.combined"),
            ),
            (
                "no channel of a veth",
                r#"{"channels": {"rx": 0}}"#,
                Ok(()),
                Err("channels.rx"),
            ),
            (
                "moderation of a veth",
                r#"{"coalescing": {"adaptiveRx": true}}"#,
                Ok(()),
                Err("coalescing"),
            ),
            (
                "interrupts of a veth",
                r#"{"interrupts": "1"}"#,
                Ok(()),
                Err("interrupts"),
            ),
            (
                "one CPU as a number",
                r#"{"interrupts": 1}"#,
                Ok(()),
                Err("interrupts"),
            ),
        ];
        for (name, text, function, veth) in cases {
            let tuning: Tuning = serde_json::from_str(text).unwrap();
            let check = |kind| tuning.check(kind).map_err(|(key, _)| key);
            let expected = |result: Result<(), &str>| result.map_err(str::to_owned);
            assert_eq!(check(LinkType::Vf), expected(function), "{name}");
            assert_eq!(check(LinkType::Veth), expected(veth), "{name}");
            let again: Tuning =
                serde_json::from_value(serde_json::to_value(&tuning).unwrap()).unwrap();
            assert_eq!(again, tuning, "{name}");
        }
    }
}
