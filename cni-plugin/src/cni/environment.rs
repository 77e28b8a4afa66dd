//! The environment variables of a call: which verb needs which, and what each may hold. Pure: the variables come from
//! the caller.

use std::path::PathBuf;
use std::str::FromStr;

use super::version::Verb;
use pinwire_wiring::ledger::Identifier;
use pinwire_wiring::name::InterfaceName;

/// What is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// Variables that the verb needs are missing or empty.
    #[error("required environment variables are missing: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A variable's value cannot be.
    #[error("the environment variable {name} is wrong: {reason}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// The variables of a call; those that its verb does not need may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `CNI_CONTAINERID`.
    pub container: Option<Identifier>,
    /// `CNI_NETNS`; absent if empty, which runtimes send at DEL when the namespace is gone.
    pub netns: Option<PathBuf>,
    /// `CNI_IFNAME`.
    pub interface: Option<InterfaceName>,
    /// `CNI_ARGS`, as it is.
    pub arguments: String,
    /// `CNI_PATH`, as it is.
    pub path: String,
}

impl Environment {
    /// Reads what `verb` needs. `variable` returns a variable's value, or an error if it is no UTF-8.
    ///
    /// # Errors
    /// All that is missing, or the first value that is wrong.
    pub fn read(
        verb: Verb,
        variable: impl Fn(&'static str) -> Result<Option<String>, EnvironmentError>,
    ) -> Result<Self, EnvironmentError> {
        let get = |name| variable(name).map(|value| value.filter(|value| !value.is_empty()));
        let mut missing = Vec::new();
        for name in required(verb) {
            if get(name)?.is_none() {
                missing.push(*name);
            }
        }
        if !missing.is_empty() {
            return Err(EnvironmentError::Missing(missing));
        }
        if matches!(verb, Verb::Gc | Verb::Status | Verb::Version) {
            return Ok(Self {
                path: get("CNI_PATH")?.unwrap_or_default(),
                ..Self::default()
            });
        }
        Ok(Self {
            container: typed("CNI_CONTAINERID", get("CNI_CONTAINERID")?)?,
            netns: get("CNI_NETNS")?.map(PathBuf::from),
            interface: typed("CNI_IFNAME", get("CNI_IFNAME")?)?,
            arguments: get("CNI_ARGS")?.unwrap_or_default(),
            path: get("CNI_PATH")?.unwrap_or_default(),
        })
    }
}

fn required(verb: Verb) -> &'static [&'static str] {
    match verb {
        Verb::Add | Verb::Check => &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
        Verb::Del => &["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
        Verb::Gc | Verb::Status => &["CNI_PATH"],
        Verb::Version => &[],
    }
}

fn typed<T: FromStr<Err = String>>(
    name: &'static str,
    value: Option<String>,
) -> Result<Option<T>, EnvironmentError> {
    let value = value.as_deref().map(str::parse).transpose();
    value.map_err(|reason| EnvironmentError::Invalid { name, reason })
}
