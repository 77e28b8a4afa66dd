//! Namespaces of wire ends, each open with one socket inside, while several wires are made, told things, or deleted.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, Prop};
use nix::errno::Errno;

use super::veth;
use super::{Place, WireEnd, WireError};
use crate::kernel::inside::Inside;
use crate::kernel::netlink::NetlinkError;

/// Namespaces that stay open at a time: two descriptors each, of the 1024 that a process may have by default.
pub(super) const OPEN: usize = 64;

/// The open namespaces.
#[derive(Default)]
pub struct Sockets(BTreeMap<Place, Inside>);

impl Sockets {
    /// Keeps a namespace that is open already, as the one mounted at `path`.
    pub fn keep(&mut self, path: PathBuf, inside: Inside) {
        self.0.insert(Place::Netns(path), inside);
    }

    /// The namespace of a place.
    pub fn at(&mut self, place: &Place) -> Result<&mut Inside, NetlinkError> {
        if self.0.len() >= OPEN && !self.0.contains_key(place) {
            self.0.clear();
        }
        match self.0.entry(place.clone()) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(slot) => Ok(slot.insert(Inside::of(place.open()?)?)),
        }
    }

    /// The namespace of an end.
    pub fn of(&mut self, end: &WireEnd) -> Result<&mut Inside, WireError> {
        let boxed = || Box::new(end.clone());
        self.at(&end.place).map_err(|error| match error {
            NetlinkError::Netns(source) => WireError::Place {
                end: boxed(),
                source,
            },
            source => WireError::Socket {
                end: boxed(),
                source,
            },
        })
    }

    /// The namespaces of both ends of a wire, the second as a descriptor that is valid as long as the first is borrowed.
    pub(super) fn pair(
        &mut self,
        one: &WireEnd,
        other: &WireEnd,
    ) -> Result<(&mut Inside, RawFd), WireError> {
        if self.0.len() + 2 > OPEN {
            self.0.clear();
        }
        let second = self.of(other)?.netns.as_raw_fd();
        Ok((self.of(one)?, second))
    }
}

impl Inside {
    /// The link with the name or, failing that, the alternative name of an end.
    pub(super) fn find(&mut self, end: &WireEnd) -> Result<Option<LinkMessage>, WireError> {
        for name in [end.interface.as_str(), &end.altname] {
            match self.socket.get(veth::by_name(name)) {
                Ok(Some(RouteNetlinkMessage::NewLink(found))) => return Ok(Some(found)),
                Ok(_) => {}
                Err(error) if error.errno() == Some(Errno::ENODEV) => {}
                Err(source) => {
                    return Err(WireError::Look {
                        end: Box::new(end.clone()),
                        source,
                    });
                }
            }
        }
        Ok(None)
    }
}

/// Whether a link is this end: by its alternative name, or, born but not yet marked, by its MAC address and group.
pub(super) fn is_ours(found: &LinkMessage, group: u32, end: &WireEnd) -> bool {
    let mark = Prop::AltIfName(end.altname.clone());
    let (group, address) = (end.group.unwrap_or(group), end.mac.bytes());
    let (mut marked, mut same_group, mut same_address) = (false, false, false);
    for attribute in &found.attributes {
        match attribute {
            LinkAttribute::PropList(names) => marked |= names.contains(&mark),
            LinkAttribute::Group(found) => same_group = *found == group,
            LinkAttribute::Address(found) => same_address = found[..] == address,
            _ => {}
        }
    }
    marked || (same_group && same_address)
}
