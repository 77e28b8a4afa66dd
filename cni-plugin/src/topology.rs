//! Topology mode: a pod whose annotations make it a node of a topology is wired to its peers.

pub mod agreement;
pub mod error;
pub mod pod;
pub mod readiness;
pub mod record;
pub mod rendezvous;
mod vf;

pub use error::TopologyError;
