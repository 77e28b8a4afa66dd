//! What CHECK answers where not all is well.

use std::path::PathBuf;

use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::kernel::netns::NetnsError;
use pinwire_wiring::wire::{EndDifference, WireError};

use super::Difference;
use crate::cni::{ContainerError, IpamError};
use crate::topology::TopologyError;

/// Something that is not as it was attached, or that could not be looked at.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what it wraps")]
pub enum CheckError {
    #[error(transparent)]
    Difference(#[from] Difference),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Netns(#[from] NetnsError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error(transparent)]
    Ipam(#[from] IpamError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// A namespace could not be observed.
    #[error("cannot observe {}", .netns.display())]
    Observe {
        netns: PathBuf,
        source: NetlinkError,
    },
}

impl From<EndDifference> for CheckError {
    fn from(difference: EndDifference) -> Self {
        Self::Difference(difference.into())
    }
}
