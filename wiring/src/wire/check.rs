//! Whether an end of a wire is still there, and as it was made.

use super::WireEnd;
use crate::name::MacAddress;
use crate::observe::{Observation, ObservedLink};

/// An end of a wire that is not as it was made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum EndDifference {
    /// The interface is gone.
    #[error("{end} is gone")]
    Gone { end: Box<WireEnd> },
    /// Another interface has the name.
    #[error("{end} is not the one that was attached")]
    Replaced { end: Box<WireEnd> },
    /// The interface has another name.
    #[error("{end} has been renamed to `{name}`")]
    Renamed { end: Box<WireEnd>, name: String },
    /// The interface is down.
    #[error("{end} is down")]
    Down { end: Box<WireEnd> },
    /// The MAC address changed.
    #[error("{end} has the MAC address {} instead of {expected}", found.map_or_else(|| "none".to_owned(), |mac| mac.to_string()))]
    Mac {
        end: Box<WireEnd>,
        expected: MacAddress,
        found: Option<MacAddress>,
    },
    /// The MTU changed.
    #[error("{end} has an MTU of {found} instead of {expected}")]
    Mtu {
        end: Box<WireEnd>,
        expected: u32,
        found: u32,
    },
    /// The interface belongs to a bridge or the like.
    #[error("{end} has become part of another interface (index {master})")]
    Master { end: Box<WireEnd>, master: u32 },
}

/// What an end should have.
#[derive(Clone, Copy)]
pub struct Expected {
    /// MAC address.
    pub mac: MacAddress,
    /// MTU, bytes.
    pub mtu: u32,
}

/// Checks one end, and finds its link. `free` says that it must not be part of a bridge or the like.
pub fn check_end<'a>(
    found: &'a Observation,
    end: &WireEnd,
    expected: Expected,
    free: bool,
) -> Result<&'a ObservedLink, EndDifference> {
    let boxed = || Box::new(end.clone());
    let Some(link) = found.link(&end.altname) else {
        return Err(match found.link(end.interface.as_str()) {
            Some(_) => EndDifference::Replaced { end: boxed() },
            None => EndDifference::Gone { end: boxed() },
        });
    };
    let difference = if link.name != end.interface.as_str() {
        let name = link.name.clone();
        EndDifference::Renamed { end: boxed(), name }
    } else if link.mac != Some(expected.mac) {
        EndDifference::Mac {
            end: boxed(),
            expected: expected.mac,
            found: link.mac,
        }
    } else if link.mtu != expected.mtu {
        EndDifference::Mtu {
            end: boxed(),
            expected: expected.mtu,
            found: link.mtu,
        }
    } else if let Some(master) = link.master.filter(|_| free) {
        EndDifference::Master {
            end: boxed(),
            master,
        }
    } else if link.up {
        return Ok(link);
    } else {
        EndDifference::Down { end: boxed() }
    };
    Err(difference)
}
