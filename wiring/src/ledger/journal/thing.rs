//! A thing of the host that Pinwire changes, and its name in files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::machine::PciAddress;

/// A thing of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Thing {
    /// The CPUs that serve one interrupt vector of a PCI device. When the device has no such vector any more, the number is
    /// somebody else's, and another thing.
    Interrupt {
        /// Its number.
        number: u32,
        /// The device.
        device: PciAddress,
    },
}

impl Thing {
    /// The PCI device that it belongs to.
    pub(crate) fn device(self) -> PciAddress {
        match self {
            Self::Interrupt { device, .. } => device,
        }
    }

    /// Its name in files: `interrupt-30@0000:01:10.0`.
    pub(super) fn key(self) -> String {
        match self {
            Self::Interrupt { number, device } => format!("interrupt-{number}@{device}"),
        }
    }

    /// The thing of a name; `None` if this version knows none.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let (number, device) = key.strip_prefix("interrupt-")?.split_once('@')?;
        let thing = Self::Interrupt {
            number: number.parse().ok()?,
            device: device.parse().ok()?,
        };
        (thing.key() == key).then_some(thing)
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupt { number, device } => {
                write!(formatter, "interrupt {number} of {device}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_read_and_written() {
        let cases = [
            ("interrupt-30@0000:01:10.0", true),
            ("interrupt-0@10000:e1:00.7", true),
            ("interrupt-030@0000:01:10.0", false),
            ("interrupt-30@01:10.0", false),
            ("interrupt-@0000:01:10.0", false),
            ("interrupt-30", false),
            ("governor-1", false),
            ("", false),
        ];
        for (key, known) in cases {
            let thing = Thing::of_key(key);
            assert_eq!(thing.is_some(), known, "{key}");
            assert!(thing.is_none_or(|thing| thing.key() == key), "{key}");
        }
    }
}
