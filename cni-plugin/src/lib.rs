//! The CNI plugin of Pinwire and its netavark driver, on the wiring library.
//!
//! [`cni`] has the protocol and what each verb does; [`attach`] the interface that a runtime asks for, [`topology`] the pods
//! that are nodes of a topology, [`check`] the comparison of both with what is there; [`netavark`] is the driver for
//! podman's networks.

pub mod attach;
pub mod check;
pub mod cni;
pub mod netavark;
pub mod topology;
