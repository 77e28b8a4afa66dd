//! A network namespace that is open, with one routing socket in it: for work of several steps, each of which would
//! otherwise enter the namespace to open one of its own.

use super::netlink::{Netlink, NetlinkError};
use super::netns::Netns;

/// An open namespace with a socket.
pub struct Inside {
    /// The namespace.
    pub netns: Netns,
    /// The socket, which stays in the namespace wherever the thread is.
    pub socket: Netlink,
}

impl Inside {
    /// Opens the socket.
    pub fn of(netns: Netns) -> Result<Self, NetlinkError> {
        let socket = Netlink::route(&netns)?;
        Ok(Self { netns, socket })
    }
}
