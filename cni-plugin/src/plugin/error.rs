//! All that a call can fail with, and the code by which the protocol reports it.

use std::error::Error;

use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::error::chain;
use pinwire_wiring::kernel::netns::NetnsError;
use pinwire_wiring::ledger::{AttachmentName, JournalError, StateError};
use pinwire_wiring::vf::ChoiceError;

use crate::attach::AttachError;
use crate::check::CheckError;
use crate::cni::environment::EnvironmentError;
use crate::cni::result::ResultError;
use crate::cni::version::Version;
use crate::cni::{ConfigurationError, ContainerError, IpamError};
use crate::topology::TopologyError;
use crate::topology::pod::PodError;

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
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    #[error(transparent)]
    Ipam(#[from] IpamError),
    /// The namespaces of processes could not be listed.
    #[error(transparent)]
    Netns(#[from] NetnsError),
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

/// The code of a namespace, a link or a socket that the kernel refused.
const KERNEL: u32 = 101;
/// The code of a setting that a namespace does not have.
const SETTING: u32 = 102;

impl PluginError {
    /// The code of the error: below 100 as the specification has it, Pinwire's own from there.
    pub fn code(&self) -> u32 {
        match self {
            Self::Configuration(error) => configuration(error),
            Self::Unknown(_) => 3,
            Self::Environment(_) => 4,
            Self::Result(_) => 6,
            Self::State(error) => state(error),
            Self::Journal(error) => journal(error),
            Self::Container(error) => container(error),
            Self::Attach(error) => attach(error),
            Self::Topology(error) => topology(error),
            Self::Check(error) => check(error),
            Self::Allocation(error) => allocation(error),
            Self::Ipam(error) => ipam(error),
            Self::Netns(_) => KERNEL,
            Self::Unavailable(error) => match error.code() {
                51 => 51,
                _ => 50,
            },
            Self::OldIpam { .. } => 50,
            Self::Several(_) => 107,
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
            Self::Topology(TopologyError::Pod(PodError::Rule { finding, .. })) => Some(&**finding),
            Self::Topology(TopologyError::Disagreement(disagreement)) => disagreement.finding(),
            _ => None,
        };
        let hint = finding.and_then(|finding| finding.hint.clone());
        hint.or_else(|| self.source().map(chain))
    }
}

fn configuration(error: &ConfigurationError) -> u32 {
    use ConfigurationError as Error;
    match error {
        Error::Version(_) | Error::Verb { .. } => 1,
        Error::Unsupported { .. } => 2,
        Error::Read(_) => 5,
        Error::Decode(_) | Error::TooLong | Error::NotAnObject(_) => 6,
        Error::Invalid { .. } | Error::Twice { .. } => 7,
    }
}

/// Code 11 asks the runtime to try again.
fn state(error: &StateError) -> u32 {
    match error {
        StateError::Busy { .. } => 11,
        StateError::File { .. } | StateError::Damaged { .. } => 5,
    }
}

fn journal(error: &JournalError) -> u32 {
    match error {
        JournalError::State(error) => state(error),
        _ => 109,
    }
}

fn container(error: &ContainerError) -> u32 {
    match error {
        ContainerError::Open(_) | ContainerError::Own(_) => 4,
        ContainerError::InterfaceExists { .. } => 100,
        ContainerError::Netns(_) | ContainerError::Netlink(_) => KERNEL,
    }
}

fn attach(error: &AttachError) -> u32 {
    match error {
        AttachError::Container(error) => container(error),
        AttachError::Configuration(error) => configuration(error),
        AttachError::State(error) => state(error),
        AttachError::Ipam(error) => ipam(error),
        AttachError::Allocation(error) => allocation(error),
        AttachError::Wire(_) | AttachError::Netns(_) | AttachError::Observe { .. } => KERNEL,
        AttachError::Setting(_) | AttachError::Settle { .. } => SETTING,
        AttachError::Masquerade(_) => 108,
    }
}

fn topology(error: &TopologyError) -> u32 {
    match error {
        TopologyError::Container(error) => container(error),
        TopologyError::State(error) => state(error),
        TopologyError::SameNode { .. } => 11,
        TopologyError::Wire(_) | TopologyError::Netlink(_) => KERNEL,
        TopologyError::Node { .. } => SETTING,
        TopologyError::Disagreement(_) => 103,
        TopologyError::Pod(_) => 104,
        TopologyError::Allocation(error) => allocation(error),
    }
}

fn check(error: &CheckError) -> u32 {
    match error {
        CheckError::Difference(_) => 105,
        CheckError::Container(error) => container(error),
        CheckError::Topology(error) => topology(error),
        CheckError::Ipam(error) => ipam(error),
        CheckError::Allocation(error) => allocation(error),
        CheckError::Wire(_) | CheckError::Netns(_) | CheckError::Observe { .. } => KERNEL,
    }
}

fn allocation(error: &AllocationError) -> u32 {
    match error {
        AllocationError::State(error) => state(error),
        AllocationError::Journal(error) => journal(error),
        AllocationError::Netns(_) => KERNEL,
        AllocationError::Link { .. } => 104,
        AllocationError::Difference(_) | AllocationError::End(_) => 105,
        // Whoever has it may be about to give it back.
        AllocationError::Held { .. } | AllocationError::Choice(ChoiceError::Exhausted { .. }) => 11,
        _ => 109,
    }
}

/// What the IPAM plugin says is for the runtime.
fn ipam(error: &IpamError) -> u32 {
    match error {
        IpamError::Reported { code, .. } if *code != 0 => *code,
        _ => 106,
    }
}

fn list(errors: &[PluginError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    texts.join("; ")
}
