//! What can go wrong when a pod joins its topology or leaves it.

use std::path::PathBuf;

use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::ledger::StateError;
use pinwire_wiring::setting::SettingError;
use pinwire_wiring::wire::WireError;

use super::agreement::Disagreement;
use super::pod::{Pod, PodError};
use crate::cni::ContainerError;

/// Why a pod did not join its topology, or left something behind.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what it wraps")]
pub enum TopologyError {
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Pod(#[from] PodError),
    #[error(transparent)]
    Disagreement(#[from] Box<Disagreement>),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// A node's namespace could not be told something.
    #[error("cannot set up {pod}")]
    Node { pod: Box<Pod>, source: SettingError },
    /// The node is another pod's.
    #[error("{one} is still {other}, which is running in {}", .netns.display())]
    SameNode {
        one: Box<Pod>,
        other: String,
        netns: PathBuf,
    },
}
