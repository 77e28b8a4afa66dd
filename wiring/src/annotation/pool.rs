//! Pools of virtual functions, as a configuration names them: physical functions, or the two ends of a cable. Pure but for
//! [`Pool::find`], which looks the physical functions up.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::attribute::VLAN_MAX;
use crate::machine::address::PciAddress;
use crate::machine::sysfs::{PhysicalFunction, Sysfs, SysfsError};

/// Pools by name.
pub type Pools = BTreeMap<String, Pool>;

/// A pool as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawPool {
    /// Physical functions: interface names, PCI addresses, or `VENDOR:DEVICE` for all of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_functions: Option<Vec<String>>,
    /// Two physical functions whose ports a cable joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cable: Option<Vec<String>>,
    /// The virtual functions to use of each, `0-6` or `3`; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices: Option<String>,
    /// The VLAN of the wire that has virtual function 0, 1 unless given; the next ones follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_vlan: Option<u16>,
}

/// A pool that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPool", into = "RawPool")]
pub struct Pool {
    members: Members,
    indices: Option<(u32, u32)>,
    first_vlan: u16,
}

/// Where the virtual functions of a pool are from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Members {
    /// Physical functions.
    Functions(Vec<Selector>),
    /// Two physical functions whose ports a cable joins.
    Cable([Selector; 2]),
}

/// What names physical functions.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    /// By the name of its interface.
    Interface(String),
    /// By its PCI address.
    Address(PciAddress),
    /// All of a vendor and device.
    Kind(String),
}

/// What a pool names and the machine does not have.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// sysfs could not be read.
    #[error("cannot look up the pool `{pool}`")]
    Sysfs {
        /// The pool.
        pool: String,
        /// Why.
        source: SysfsError,
    },
    /// Nothing has the name.
    #[error(
        "the pool `{pool}` names the physical function `{name}`, and this machine has none such"
    )]
    Missing {
        /// The pool.
        pool: String,
        /// What it names.
        name: String,
    },
    /// Both ends of a cable are the same.
    #[error("both ends of the cable `{pool}` are {address}")]
    SameEnd {
        /// The pool.
        pool: String,
        /// The physical function.
        address: PciAddress,
    },
}

/// The physical functions of a pool.
#[derive(Clone, Debug)]
pub struct FoundPool {
    /// The pool's name.
    pub name: String,
    /// Whether it is a cable, between the two physical functions.
    pub cable: bool,
    /// Its physical functions, in the order in which they are to be used.
    pub physical: Vec<PhysicalFunction>,
    /// The virtual functions of each that belong to it.
    pub indices: Option<RangeInclusive<u32>>,
    /// The VLAN of a wire that has virtual function 0.
    pub first_vlan: u16,
}

impl Pool {
    /// Whether it is a cable, whose wires take one virtual function of each end.
    pub fn is_cable(&self) -> bool {
        matches!(self.members, Members::Cable(_))
    }

    /// Looks the physical functions up.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn find(&self, name: &str, sysfs: &Sysfs) -> Result<FoundPool, PoolError> {
        let (selectors, cable) = match &self.members {
            Members::Functions(selectors) => (&selectors[..], false),
            Members::Cable(ends) => (&ends[..], true),
        };
        let mut physical: Vec<PhysicalFunction> = Vec::new();
        for selector in selectors {
            for found in selector.find(name, sysfs)? {
                if !physical.iter().any(|one| one.address == found.address) {
                    physical.push(found);
                }
            }
        }
        if let ([only], true) = (&physical[..], cable) {
            return Err(PoolError::SameEnd {
                pool: name.to_owned(),
                address: only.address,
            });
        }
        Ok(FoundPool {
            name: name.to_owned(),
            cable,
            physical,
            indices: self.indices.map(|(first, last)| first..=last),
            first_vlan: self.first_vlan,
        })
    }
}

impl Selector {
    fn find(&self, pool: &str, sysfs: &Sysfs) -> Result<Vec<PhysicalFunction>, PoolError> {
        let failed = |source| PoolError::Sysfs {
            pool: pool.to_owned(),
            source,
        };
        let missing = || PoolError::Missing {
            pool: pool.to_owned(),
            name: self.to_string(),
        };
        let address = match self {
            Self::Interface(name) => sysfs.device_of(name),
            Self::Address(address) => Some(*address),
            Self::Kind(kind) => {
                let mut all = sysfs.physical_functions().map_err(failed)?;
                all.retain(|function| function.device_id == *kind);
                return if all.is_empty() {
                    Err(missing())
                } else {
                    Ok(all)
                };
            }
        };
        match sysfs.physical_function(address.ok_or_else(missing)?) {
            Err(SysfsError::NoDevice(_)) => Err(missing()),
            found => Ok(vec![found.map_err(failed)?]),
        }
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let number =
            |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.split_once(':') {
            Some((vendor, device)) if number(vendor) && number(device) => {
                Ok(Self::Kind(text.to_lowercase()))
            }
            None if !text.is_empty() && !text.contains(['/', ' ']) => {
                Ok(Self::Interface(text.to_owned()))
            }
            _ => Err(format!(
                "`{text}` names no physical function: write an interface (ens1f0), a PCI address (0000:01:00.0) or a vendor and device (8086:10c9)"
            )),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(text) | Self::Kind(text) => formatter.write_str(text),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

impl TryFrom<RawPool> for Pool {
    type Error = String;

    fn try_from(raw: RawPool) -> Result<Self, String> {
        let parse = |texts: &[String]| -> Result<Vec<Selector>, String> {
            texts.iter().map(|text| text.parse()).collect()
        };
        let members = match (raw.physical_functions, raw.cable) {
            (Some(functions), None) if !functions.is_empty() => {
                Members::Functions(parse(&functions)?)
            }
            (None, Some(ends)) => {
                let ends: Result<[Selector; 2], _> = parse(&ends)?.try_into();
                Members::Cable(ends.map_err(|ends| {
                    format!("a cable joins two physical functions, not {}", ends.len())
                })?)
            }
            _ => {
                return Err(
                    "a pool has either `physicalFunctions`, at least one, or `cable`, two of them"
                        .to_owned(),
                );
            }
        };
        if let Members::Cable(ends) = &members
            && let Some(kind) = ends.iter().find(|end| matches!(end, Selector::Kind(_)))
        {
            return Err(format!(
                "a cable's end is one physical function, and `{kind}` may be several"
            ));
        }
        let first_vlan = raw.first_vlan.unwrap_or(1);
        if !(1..=VLAN_MAX).contains(&first_vlan) {
            return Err(format!(
                "`firstVlan` is {first_vlan}, which is not between 1 and {VLAN_MAX}"
            ));
        }
        Ok(Self {
            members,
            indices: raw.indices.as_deref().map(indices).transpose()?,
            first_vlan,
        })
    }
}

/// `FIRST-LAST`, or one index.
fn indices(text: &str) -> Result<(u32, u32), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.trim().parse().ok().zip(last.trim().parse().ok());
    range
        .filter(|(first, last): &(u32, u32)| first <= last)
        .ok_or_else(|| format!("`indices` is `{text}`: write a range such as 0-6, or one index"))
}

impl From<Pool> for RawPool {
    fn from(pool: Pool) -> Self {
        let texts = |selectors: &[Selector]| selectors.iter().map(Selector::to_string).collect();
        let (physical_functions, cable) = match &pool.members {
            Members::Functions(selectors) => (Some(texts(selectors)), None),
            Members::Cable(ends) => (None, Some(texts(ends))),
        };
        Self {
            physical_functions,
            cable,
            indices: pool.indices.map(|(first, last)| format!("{first}-{last}")),
            first_vlan: Some(pool.first_vlan),
        }
    }
}
