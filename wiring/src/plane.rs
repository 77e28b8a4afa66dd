//! Forwarding planes that are more than the kernel's routing: layer 2, between the two interfaces of a node.

use std::io;

use crate::kernel::netlink::NetlinkError;

pub(crate) mod mirror;
pub(crate) mod xdp;

/// A plane that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The XDP program could not be loaded (bpf(2)).
    #[error("cannot load the XDP program (bpf)")]
    Program(#[source] io::Error),
}
