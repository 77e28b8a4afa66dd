//! The driver's options: of a network (`podman network create --opt`) and of a container in it (`podman run --network
//! NAME:KEY=VALUE`), which come first. Pure.

use std::collections::BTreeMap;

use pinwire_wiring::annotation::rule::default::{MTU_MIN_IPV6, check_mtu};

/// All options.
pub(crate) const KEYS: [&str; 4] = ["mtu", "masquerade", "metric", "no_default_route"];

/// What is wrong with an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is none of that name.
    #[error("there is no option `{key}`: {}", hint(*.meant))]
    Unknown {
        /// The name.
        key: String,
        /// The option that was probably meant.
        meant: Option<&'static str>,
    },
    /// Its value cannot be.
    #[error("the option `{key}` is wrong: {reason}")]
    Invalid {
        /// The option.
        key: &'static str,
        /// Why.
        reason: String,
    },
    /// What may not leave the host would be masqueraded.
    #[error(
        "the option `masquerade` is wrong: the network is internal, so nothing leaves the host"
    )]
    Internal,
    /// IPv6 needs a larger MTU.
    #[error(
        "the option `mtu` is wrong: {0} is less than the {MTU_MIN_IPV6} that IPv6 needs (RFC 8200)"
    )]
    MtuV6(u32),
}

fn hint(meant: Option<&'static str>) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", KEYS.join(", ")),
    }
}

/// Options; what is absent was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `mtu`: maximum transmission unit, bytes.
    pub(crate) mtu: Option<u32>,
    /// `masquerade`: whether what leaves the host gets the host's address.
    pub(crate) masquerade: Option<bool>,
    /// `metric`: of the default routes.
    pub(crate) metric: Option<u32>,
    /// `no_default_route`: whether there are none.
    pub(crate) no_default_route: Option<bool>,
}

impl Options {
    /// Reads options.
    ///
    /// # Errors
    /// The first that is unknown or wrong.
    pub(crate) fn read(texts: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (key, value) in texts {
            match key.as_str() {
                "mtu" => options.mtu = Some(mtu(value)?),
                "masquerade" => options.masquerade = Some(boolean("masquerade", value)?),
                "metric" => options.metric = Some(number("metric", value)?),
                "no_default_route" => {
                    options.no_default_route = Some(boolean("no_default_route", value)?);
                }
                _ => return Err(unknown(key)),
            }
        }
        Ok(options)
    }

    /// These options, or else those.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            mtu: self.mtu.or(other.mtu),
            masquerade: self.masquerade.or(other.masquerade),
            metric: self.metric.or(other.metric),
            no_default_route: self.no_default_route.or(other.no_default_route),
        }
    }

    /// Checks what the options mean for a network.
    ///
    /// # Errors
    /// [`OptionError::Internal`] and [`OptionError::MtuV6`].
    pub(crate) fn check(self, internal: bool, v6: bool) -> Result<Self, OptionError> {
        if internal && self.masquerade == Some(true) {
            return Err(OptionError::Internal);
        }
        match self.mtu.filter(|mtu| v6 && *mtu < MTU_MIN_IPV6) {
            Some(mtu) => Err(OptionError::MtuV6(mtu)),
            None => Ok(self),
        }
    }

    /// The options as they are kept: in one way of writing.
    pub(crate) fn write(self) -> BTreeMap<String, String> {
        let texts = [
            ("mtu", self.mtu.map(|mtu| mtu.to_string())),
            ("masquerade", self.masquerade.map(|value| value.to_string())),
            ("metric", self.metric.map(|metric| metric.to_string())),
            (
                "no_default_route",
                self.no_default_route.map(|value| value.to_string()),
            ),
        ];
        let given = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text?)));
        given.collect()
    }
}

fn unknown(key: &str) -> OptionError {
    let near = |known: &&&str| {
        strsim::damerau_levenshtein(&key.to_lowercase().replace('-', "_"), known) <= 2
    };
    OptionError::Unknown {
        key: key.to_owned(),
        meant: KEYS.iter().find(near).copied(),
    }
}

fn mtu(value: &str) -> Result<u32, OptionError> {
    let wrong = |reason| OptionError::Invalid { key: "mtu", reason };
    check_mtu(number("mtu", value)?).map_err(wrong)
}

fn number(key: &'static str, value: &str) -> Result<u32, OptionError> {
    value.parse().map_err(|_| OptionError::Invalid {
        key,
        reason: format!("`{value}` is not a number from 0 to {}", u32::MAX),
    })
}

fn boolean(key: &'static str, value: &str) -> Result<bool, OptionError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(OptionError::Invalid {
            key,
            reason: format!("`{value}` is neither `true` nor `false`"),
        }),
    }
}
