//! All that a call can fail with, and the code by which the protocol reports it.

use std::error::Error;
use std::path::PathBuf;

use super::agreement::Disagreement;
use super::attach::TellError;
use super::check::Difference;
use super::environment::EnvironmentError;
use super::function::FunctionError;
use super::ipam::IpamError;
use super::masquerade::MasqueradeError;
use super::pod::{Pod, PodError};
use super::result::ResultError;
use super::state::{AttachmentName, StateError};
use super::version::{Verb, Version};
use crate::name::InterfaceName;
use crate::netlink::NetlinkError;
use crate::netns::NetnsError;
use crate::setting::SettingError;
use crate::vf::ChoiceError;
use crate::wire::WireError;

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

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what it wraps")]
pub enum PluginError {
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Result(#[from] ResultError),
    #[error(transparent)]
    State(#[from] StateError),
    /// The container's namespace cannot be used.
    #[error("cannot use the container's network namespace")]
    Container(#[source] NetnsError),
    /// The container's namespace is the plugin's.
    #[error("the container's network namespace is the plugin's own: {}", .0.display())]
    OwnNamespace(PathBuf),
    /// A namespace could not be entered or left.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// There is no socket in a namespace.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A namespace could not be observed.
    #[error("cannot observe {}", .netns.display())]
    Observe {
        netns: PathBuf,
        source: NetlinkError,
    },
    /// An interface is there already.
    #[error("the interface `{interface}` exists already in {}", .netns.display())]
    InterfaceExists {
        interface: InterfaceName,
        netns: PathBuf,
    },
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Tell(#[from] TellError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A node's namespace could not be told something.
    #[error("cannot set up {pod}")]
    Node { pod: Box<Pod>, source: SettingError },
    #[error(transparent)]
    Pod(#[from] PodError),
    #[error(transparent)]
    Disagreement(#[from] Box<Disagreement>),
    /// The node is another pod's.
    #[error("{one} is still {other}, which is running in {}", .netns.display())]
    SameNode {
        one: Box<Pod>,
        other: String,
        netns: PathBuf,
    },
    #[error(transparent)]
    Ipam(#[from] IpamError),
    #[error(transparent)]
    Masquerade(#[from] MasqueradeError),
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The interface is not as it was attached.
    #[error(transparent)]
    Difference(#[from] Difference),
    /// Nothing is known of the attachment.
    #[error("nothing is known of {0}: it was never attached, or is detached already")]
    Unknown(Box<AttachmentName>),
    /// ADD could not be served.
    #[error("ADD cannot be served")]
    Unavailable(#[source] Box<PluginError>),
    /// The IPAM plugin speaks an older version of the protocol.
    #[error("the IPAM plugin `{kind}` does not speak version {version}")]
    OldIpam { kind: String, version: Version },
    /// Several things failed.
    #[error("{} errors: {}", .0.len(), list(.0))]
    Several(Vec<PluginError>),
}

impl PluginError {
    /// The code of the error: below 100 as the specification has it, Pinwire's own from there.
    pub fn code(&self) -> u32 {
        use ConfigurationError as Configuration;
        match self {
            Self::Configuration(Configuration::Version(_) | Configuration::Verb { .. }) => 1,
            Self::Configuration(Configuration::Unsupported { .. }) => 2,
            Self::Unknown(_) => 3,
            Self::Environment(_) | Self::Container(_) | Self::OwnNamespace(_) => 4,
            Self::Configuration(Configuration::Read(_)) => 5,
            Self::State(StateError::Busy { .. }) | Self::SameNode { .. } => 11,
            Self::State(_) => 5,
            Self::Configuration(
                Configuration::Decode(_) | Configuration::TooLong | Configuration::NotAnObject(_),
            )
            | Self::Result(_) => 6,
            Self::Configuration(_) => 7,
            Self::Unavailable(error) => match error.code() {
                51 => 51,
                _ => 50,
            },
            Self::OldIpam { .. } => 50,
            Self::InterfaceExists { .. } => 100,
            Self::Wire(_) | Self::Netns(_) | Self::Netlink(_) | Self::Observe { .. } => 101,
            Self::Tell(_) | Self::Setting(_) | Self::Node { .. } => 102,
            Self::Disagreement(_) => 103,
            Self::Pod(_) | Self::Function(FunctionError::Link { .. }) => 104,
            Self::Difference(_) => 105,
            // What the IPAM plugin says is for the runtime: code 11 asks it to try again.
            Self::Ipam(IpamError::Reported { code, .. }) if *code != 0 => *code,
            Self::Ipam(_) => 106,
            Self::Several(_) => 107,
            Self::Masquerade(_) => 108,
            // Whoever has it may be about to give it back.
            Self::Function(
                FunctionError::Held { .. } | FunctionError::Choice(ChoiceError::Exhausted { .. }),
            ) => 11,
            Self::Function(_) => 109,
        }
    }

    /// One error of a list: the only one itself, or all of them.
    ///
    /// # Errors
    /// Where there is any.
    pub fn all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// What is behind the error: all its causes, the kernel's own words included; of annotations what to do about them. `None` if
    /// the error says all.
    pub fn details(&self) -> Option<String> {
        let finding = match self {
            Self::Pod(PodError::Rule { finding, .. }) => Some(&**finding),
            Self::Disagreement(disagreement) => disagreement.finding(),
            _ => None,
        };
        let hint = finding.and_then(|finding| finding.hint.clone());
        hint.or_else(|| self.source().map(chain))
    }
}

/// All messages of an error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    // Transparent errors say what their cause says.
    texts.dedup();
    texts.join(": ")
}

fn list(errors: &[PluginError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    texts.join("; ")
}
