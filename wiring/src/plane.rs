//! Forwarding planes that are more than the kernel's routing: layer 2, between the two interfaces of a node.

pub(crate) mod mirror;
pub(crate) mod xdp;
