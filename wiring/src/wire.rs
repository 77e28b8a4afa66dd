//! Wires: veth pairs between two namespaces, born in place and deleted by their mark of ownership.
//!
//! Both ends come into being where they belong with one request, since moving a link costs a hundred times as much as
//! making it. A link is Pinwire's if it carries the alternative name of its end; between its birth and its marking, MAC
//! address and group say so, which are derived from the same names ([`crate::identity`]). Addresses and the links'
//! state are told later ([`crate::setting`]).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::annotation::tuning::Tuning;
use crate::kernel::netlink::NetlinkError;
use crate::kernel::netns::{Netns, NetnsError};
use crate::name::{InterfaceName, MacAddress};
use crate::tuning::TuningError;

mod check;
mod create;
mod delete;
mod detach;
mod end;
mod sockets;
mod tune;
pub mod veth;

pub use check::{EndDifference, Expected, check_end};
pub use create::{create, create_all};
pub use create::{create_all_by, create_unmarked};
pub use delete::{delete, delete_all};
pub use detach::delete_ends;
pub use end::{group, host_end, node_end};
pub use sockets::Sockets;
pub use tune::detuned;

/// A veth pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    /// The wire's number: the group of ends that have none of their own, neither 0 nor 1 ([`crate::identity::group`]).
    pub group: u32,
    /// Maximum transmission unit of both ends, bytes.
    pub mtu: u32,
    /// The two ends.
    pub ends: [WireEnd; 2],
}

/// One end of a [`Wire`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireEnd {
    /// The namespace that it is in.
    pub place: Place,
    /// Its name there.
    pub interface: InterfaceName,
    /// Its MAC address.
    pub mac: MacAddress,
    /// Its alternative name, the mark of ownership ([`crate::identity::altname`]).
    pub altname: String,
    /// The group that it is born in, unless that is the wire's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// What it is tuned to.
    #[serde(default, skip_serializing_if = "Tuning::is_empty")]
    pub tuning: Box<Tuning>,
}

impl fmt::Display for WireEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "interface `{}` in {}",
            self.interface, self.place
        )
    }
}

/// A network namespace by where it is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The namespace of the calling thread.
    Host,
    /// The namespace mounted at a path, or a process's (`/proc/PID/ns/net`).
    Netns(PathBuf),
}

impl Place {
    /// Opens the namespace.
    ///
    /// # Errors
    /// As [`Netns::open`].
    pub fn open(&self) -> Result<Netns, NetnsError> {
        match self {
            Self::Host => Netns::current(),
            Self::Netns(path) => Netns::open(path),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => formatter.write_str("the host"),
            Self::Netns(path) => path.display().fmt(formatter),
        }
    }
}

/// What can go wrong with a wire.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The namespace of an end could not be opened.
    #[error("cannot reach the namespace of {end}")]
    Place {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetnsError,
    },
    /// No socket could be opened in the namespace of an end.
    #[error("cannot open a netlink socket for {end}")]
    Socket {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetlinkError,
    },
    /// The pair was not made.
    #[error("cannot create the wire from {} to {} (RTM_NEWLINK)", wire.ends[0], wire.ends[1])]
    Create {
        /// The wire.
        wire: Box<Wire>,
        /// Why.
        source: NetlinkError,
    },
    /// A link of that name exists and is not Pinwire's.
    #[error("{end} exists already and is not Pinwire's: rename or delete it")]
    Foreign {
        /// The end that has the name.
        end: Box<WireEnd>,
    },
    /// A new end could not be marked.
    #[error("cannot give {end} the alternative name `{}` (RTM_NEWLINKPROP)", end.altname)]
    Mark {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetlinkError,
    },
    /// An end could not be tuned, or its tuning not be read.
    #[error("cannot tune {end}")]
    Tune {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: Box<TuningError>,
    },
    /// A link could not be read.
    #[error("cannot look {end} up (RTM_GETLINK)")]
    Look {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetlinkError,
    },
    /// A wire could not be deleted.
    #[error("cannot delete {end} (RTM_DELLINK)")]
    Delete {
        /// The end.
        end: Box<WireEnd>,
        /// Why.
        source: NetlinkError,
    },
}
