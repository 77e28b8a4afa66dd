//! Ends of wires go from one namespace, whatever became of their other ends.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use nix::errno::Errno;

use super::sockets::is_ours;
use super::veth;
use super::{WireEnd, WireError};
use crate::kernel::netlink::{Batch, Netlink, NetlinkError};
use crate::kernel::netns::Netns;

/// Deletes ends of wires that are in one namespace, each with the group of its wire, if they are Pinwire's; what is gone
/// already is no error. Several go with one request that deletes a group, since the kernel waits 11 to 20 ms for each.
/// Goes on after errors and returns them all.
pub fn delete_ends(netns: &Netns, ends: &[(u32, WireEnd)]) -> Vec<WireError> {
    let Some((first_group, first)) = ends.first() else {
        return Vec::new();
    };
    let boxed = |end: &WireEnd| Box::new(end.clone());
    let mut socket = match Netlink::route(netns) {
        Ok(socket) => socket,
        Err(source) => {
            let end = boxed(first);
            return vec![WireError::Socket { end, source }];
        }
    };
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for (group, end) in ends {
        match find(&mut socket, *group, end) {
            Ok(Some(index)) => found.push(index),
            Ok(None) => {}
            Err(source) => errors.push(WireError::Look {
                end: boxed(end),
                source,
            }),
        }
    }
    if let Err(source) = delete(&mut socket, *first_group, &found) {
        let end = boxed(first);
        errors.push(WireError::Delete { end, source });
    }
    errors
}

/// The index of an end, by its mark of ownership or, if it has none yet, by its name.
fn find(socket: &mut Netlink, group: u32, end: &WireEnd) -> Result<Option<u32>, NetlinkError> {
    for name in [&end.altname, end.interface.as_str()] {
        if let Some(link) = get(socket, name)?
            && is_ours(&link, group, end)
        {
            return Ok(Some(link.header.index));
        }
    }
    Ok(None)
}

fn get(socket: &mut Netlink, name: &str) -> Result<Option<LinkMessage>, NetlinkError> {
    match socket.get(veth::by_name(name)) {
        Ok(Some(RouteNetlinkMessage::NewLink(found))) => Ok(Some(found)),
        Ok(_) => Ok(None),
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

fn delete(socket: &mut Netlink, group: u32, indices: &[u32]) -> Result<(), NetlinkError> {
    let request = match indices {
        [] => return Ok(()),
        [index] => veth::delete(*index),
        several => {
            let mut batch = Batch::default();
            for index in several {
                batch.push(veth::regroup(*index, group), 0);
            }
            let refused = socket.execute(batch)?.into_iter();
            // Gone meanwhile: its other end's namespace died.
            let mut refused = refused.filter(|refused| refused.refusal.errno != Errno::ENODEV);
            if let Some(refused) = refused.next() {
                return Err(NetlinkError::Refused(refused.refusal));
            }
            veth::delete_group(group)
        }
    };
    match socket.request(request, 0) {
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(()),
        result => result,
    }
}
