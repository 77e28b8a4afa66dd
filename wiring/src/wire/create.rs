//! Wires come into being.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;

use super::sockets::{OPEN, Sockets, is_ours};
use super::tune::tune;
use super::veth;
use super::{Place, Wire, WireEnd, WireError};
use crate::kernel::netlink::{Batch, NetlinkError};

/// Wires whose ends are marked together: no more than can have all their namespaces open.
const TOGETHER: usize = OPEN / 2;

/// Creates one wire; see [`create_all`].
///
/// # Errors
/// As [`create_all`].
pub fn create(wire: &Wire) -> Result<(), WireError> {
    create_all(std::slice::from_ref(wire))
}

/// Creates wires in order, marks their ends and tunes them. Where an interface of the name exists already and is Pinwire's own for
/// this very end (left by an earlier run), it is deleted and made anew; its state is lost.
///
/// # Errors
/// The first [`WireError`]; wires before it are there. Undo with [`super::delete_all`], which also knows ends that were
/// born but not yet marked.
pub fn create_all(wires: &[Wire]) -> Result<(), WireError> {
    create_all_by(&mut Sockets::default(), wires)
}

/// The same, by sockets that are open already or stay open for what comes next.
pub fn create_all_by(sockets: &mut Sockets, wires: &[Wire]) -> Result<(), WireError> {
    for wires in wires.chunks(TOGETHER) {
        create_unmarked(sockets, wires)?;
        let mut places: BTreeMap<&Place, Vec<&WireEnd>> = BTreeMap::new();
        for end in wires.iter().flat_map(|wire| &wire.ends) {
            places.entry(&end.place).or_default().push(end);
        }
        for ends in places.values() {
            mark(sockets, ends)?;
        }
    }
    Ok(())
}

/// The same, but for the marks, which are to be told with all else that the ends are told.
pub fn create_unmarked<'a>(
    sockets: &mut Sockets,
    wires: impl IntoIterator<Item = &'a Wire>,
) -> Result<(), WireError> {
    for wire in wires {
        bear(sockets, wire)?;
        wire.ends.iter().try_for_each(|end| tune(sockets, end))?;
    }
    Ok(())
}

fn bear(sockets: &mut Sockets, wire: &Wire) -> Result<(), WireError> {
    let error = match request(sockets, wire)? {
        Ok(()) => return Ok(()),
        Err(error) if error.errno() == Some(Errno::EEXIST) => {
            for end in &wire.ends {
                clear(sockets, wire.group, end)?;
            }
            request(sockets, wire)?
        }
        Err(error) => Err(error),
    };
    error.map_err(|source| WireError::Create {
        wire: Box::new(wire.clone()),
        source,
    })
}

/// Sends the request from the first end's namespace: kernels before 6.15 look the new name up where the request comes
/// from, and a link of the host with that name would be in the way.
fn request(sockets: &mut Sockets, wire: &Wire) -> Result<Result<(), NetlinkError>, WireError> {
    let [one, other] = &wire.ends;
    let (first, second) = sockets.pair(one, other)?;
    let message = veth::create(wire, [first.netns.as_raw_fd(), second]);
    Ok(first.socket.request(message, NLM_F_CREATE | NLM_F_EXCL))
}

/// Deletes what stands in the way of a new end, if it is ours.
fn clear(sockets: &mut Sockets, group: u32, end: &WireEnd) -> Result<(), WireError> {
    let inside = sockets.of(end)?;
    let Some(found) = inside.find(end)? else {
        return Ok(());
    };
    let boxed = || Box::new(end.clone());
    if !is_ours(&found, group, end) {
        return Err(WireError::Foreign { end: boxed() });
    }
    match inside.socket.request(veth::delete(found.header.index), 0) {
        // Gone meanwhile: the namespace of its other end died.
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(()),
        result => result.map_err(|source| WireError::Delete {
            end: boxed(),
            source,
        }),
    }
}

/// Marks ends that are at one place.
fn mark(sockets: &mut Sockets, ends: &[&WireEnd]) -> Result<(), WireError> {
    let Some(first) = ends.first() else {
        return Ok(());
    };
    let mut batch = Batch::default();
    for end in ends {
        batch.push(veth::mark(&end.interface, &end.altname), NLM_F_EXCL);
    }
    let failed = |end: &WireEnd, source| WireError::Mark {
        end: Box::new(end.clone()),
        source,
    };
    let marked = sockets.of(first)?.socket.execute(batch);
    let refused = marked.map_err(|source| failed(first, source))?;
    refused.into_iter().next().map_or(Ok(()), |refused| {
        Err(failed(
            ends[refused.position],
            NetlinkError::Refused(refused.refusal),
        ))
    })
}
