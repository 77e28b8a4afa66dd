//! The CNI plugin of Pinwire and its netavark driver, on the wiring library.
//!
//! Its rooms, from the lowest: [`cni`] has what the protocol says; [`attach`] the interface that a runtime asks for, [`topology`]
//! the pods that are nodes of a topology, [`check`] the comparison of both with what is there; [`plugin`] the verbs, and
//! [`netavark`] the driver for podman's networks upon them.

pub mod attach;
pub mod check;
pub mod cni;
pub mod netavark;
pub mod plugin;
pub mod topology;
