//! Topology mode: a pod whose annotations make it a node of a topology is wired to its peers.

pub mod agreement;
pub mod pod;
pub mod readiness;
pub mod rendezvous;
mod vf;
