//! What can go wrong with the interface that a runtime asks for.

use std::path::PathBuf;

use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::kernel::netns::NetnsError;
use pinwire_wiring::ledger::StateError;
use pinwire_wiring::setting::SettingError;
use pinwire_wiring::wire::{WireEnd, WireError};

use super::masquerade::MasqueradeError;
use crate::cni::{ConfigurationError, ContainerError, IpamError};

/// Why an interface was not attached or detached.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what it wraps")]
pub enum AttachError {
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Netns(#[from] NetnsError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Ipam(#[from] IpamError),
    #[error(transparent)]
    Masquerade(#[from] MasqueradeError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// The container's routes could not be read.
    #[error("cannot observe {}", .netns.display())]
    Observe {
        netns: PathBuf,
        source: NetlinkError,
    },
    /// An end did not come into operation.
    #[error("cannot wait for {end} (RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE)")]
    Settle {
        end: Box<WireEnd>,
        source: NetlinkError,
    },
}
