//! What is wrong with a network configuration.

use super::version::{Verb, Version};

/// What is wrong with a network configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It could not be read from standard input.
    #[error("cannot read the network configuration from standard input")]
    Read(#[source] std::io::Error),
    /// It is longer than [`super::configuration::LIMIT`].
    #[error("the network configuration has more than 1 MiB")]
    TooLong,
    /// It is no JSON.
    #[error("the network configuration is not JSON")]
    Decode(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("the network configuration must be an object, and is {0}")]
    NotAnObject(String),
    /// Its version is none that this plugin speaks.
    #[error(
        "cniVersion {0} is not supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0 are"
    )]
    Version(String),
    /// Its version lacks the verb.
    #[error("cniVersion {version} has no {verb}: {} is the first that has", verb.since())]
    Verb {
        /// The configuration's version.
        version: Version,
        /// What was asked.
        verb: Verb,
    },
    /// A key that nobody knows.
    #[error("the key `{key}` with the value {value} is not supported{}", hint(*.meant))]
    Unsupported {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// The key that was probably meant.
        meant: Option<&'static str>,
    },
    /// A value that cannot be.
    #[error("the key `{key}` is wrong: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A key in two ways of writing it.
    #[error("the keys `{key}` and `{other}` are the same")]
    Twice {
        /// One way.
        key: String,
        /// The other.
        other: String,
    },
}

fn hint(meant: Option<&'static str>) -> String {
    meant.map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"))
}
