//! Versions of the CNI specification, and the verbs that each of them has.

use std::fmt;
use std::str::FromStr;

/// A version of the CNI specification that this plugin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 0.1.0: results with `ip4` and `ip6`.
    V0_1_0,
    /// 0.2.0: the verb VERSION.
    V0_2_0,
    /// 0.3.0: results with `interfaces` and `ips`, lists of plugins.
    V0_3_0,
    /// 0.3.1: 0.3.0 with an error corrected.
    V0_3_1,
    /// 0.4.0: the verb CHECK; DEL gets `prevResult`.
    V0_4_0,
    /// 1.0.0: no `version` in `ips`.
    V1_0_0,
    /// 1.1.0: the verbs GC and STATUS; more fields of interfaces and routes.
    V1_1_0,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];
    /// The newest version.
    pub const LATEST: Self = Self::V1_1_0;

    /// The version as a configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or(())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a runtime asks a plugin to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Attach a container to a network.
    Add,
    /// Detach it.
    Del,
    /// Tell whether it is attached as it was.
    Check,
    /// Remove what no listed attachment owns.
    Gc,
    /// Tell whether ADD can be served.
    Status,
    /// Tell the versions.
    Version,
}

impl Verb {
    /// The verb as `CNI_COMMAND` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// The first version of the specification that has the verb for a configuration of its own.
    pub const fn since(self) -> Version {
        match self {
            Self::Add | Self::Del | Self::Version => Version::V0_1_0,
            Self::Check => Version::V0_4_0,
            Self::Gc | Self::Status => Version::V1_1_0,
        }
    }
}

impl FromStr for Verb {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        use Verb::{Add, Check, Del, Gc, Status, Version};
        let all = [Add, Del, Check, Gc, Status, Version];
        all.into_iter().find(|verb| verb.as_str() == text).ok_or(())
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
