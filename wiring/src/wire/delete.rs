//! Wires go.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::sockets::{Sockets, is_ours};
use super::veth;
use super::{Place, Wire, WireEnd, WireError};
use crate::kernel::netlink::{Batch, NetlinkError};
use crate::kernel::netns::NetnsError;

/// Deletes one wire; see [`delete_all`].
pub fn delete(wire: &Wire) -> Vec<WireError> {
    delete_all(std::slice::from_ref(wire))
}

/// Deletes wires, each by the end that can be reached, if that end is Pinwire's; what is gone already is no error. Goes on
/// after errors and returns them all.
///
/// The kernel waits 11 to 20 ms for each request that deletes a link, however many links it names: the wires of one
/// namespace go together, by group. A wire dies, too, when the namespace of either end does, which is the cheaper way
/// for many wires between namespaces ([`crate::kernel::netns::Netns::remove`]).
pub fn delete_all(wires: &[Wire]) -> Vec<WireError> {
    let mut sockets = Sockets::default();
    let mut errors = Vec::new();
    let mut doomed: BTreeMap<&Place, Vec<Doomed<'_>>> = BTreeMap::new();
    for wire in wires {
        match locate(&mut sockets, wire) {
            Ok(Some(found)) => doomed.entry(&found.end.place).or_default().push(found),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    for links in doomed.values() {
        errors.extend(delete_in_one_place(&mut sockets, links));
    }
    errors
}

/// A link that is going to be deleted.
struct Doomed<'a> {
    end: &'a WireEnd,
    group: u32,
    index: u32,
}

/// An end of a wire that exists and is ours; the host's end first, since many wires may have theirs there.
fn locate<'a>(sockets: &mut Sockets, wire: &'a Wire) -> Result<Option<Doomed<'a>>, WireError> {
    let mut ends: Vec<&WireEnd> = wire.ends.iter().collect();
    ends.sort_by_key(|end| end.place != Place::Host);
    for end in ends {
        let inside = match sockets.of(end) {
            Ok(inside) => inside,
            Err(WireError::Place { source, .. }) if is_gone(&source) => continue,
            Err(error) => return Err(error),
        };
        if let Some(found) = inside.find(end)?
            && is_ours(&found, wire.group, end)
        {
            return Ok(Some(Doomed {
                end,
                group: wire.group,
                index: found.header.index,
            }));
        }
    }
    Ok(None)
}

/// Whether a namespace does not exist any more.
fn is_gone(error: &NetnsError) -> bool {
    match error {
        NetnsError::Open { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        NetnsError::NotANamespace { .. } => true,
        _ => false,
    }
}

/// Moves the links into the group of the first, and deletes the group.
fn delete_in_one_place(sockets: &mut Sockets, links: &[Doomed<'_>]) -> Vec<WireError> {
    let Some(first) = links.first() else {
        return Vec::new();
    };
    let failed = |link: &Doomed<'_>, source| {
        let end = Box::new(link.end.clone());
        WireError::Delete { end, source }
    };
    let socket = match sockets.of(first.end) {
        Ok(inside) => &mut inside.socket,
        Err(error) => return vec![error],
    };
    let mut batch = Batch::default();
    for link in links {
        batch.push(veth::regroup(link.index, first.group), 0);
    }
    let refused = match socket.execute(batch) {
        Ok(refused) => refused,
        Err(source) => return vec![failed(first, source)],
    };
    let mut errors: Vec<WireError> = refused
        .into_iter()
        .filter(|refused| refused.refusal.errno != Errno::ENODEV)
        .map(|refused| {
            failed(
                &links[refused.position],
                NetlinkError::Refused(refused.refusal),
            )
        })
        .collect();
    match socket.request(veth::delete_group(first.group), 0) {
        Err(source) if source.errno() != Some(Errno::ENODEV) => errors.push(failed(first, source)),
        _ => {}
    }
    errors
}
