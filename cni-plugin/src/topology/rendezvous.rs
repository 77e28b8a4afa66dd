//! Pods meet: whoever comes second makes the wire. Nobody waits for a peer.
//!
//! A pod publishes its record and says which interfaces of other nodes its links end at, under the locks of all nodes
//! concerned. A peer that is there already is wired at once, both ends, and told what it lost or never had; one that is
//! not will find the record. Locks are per node and taken in order, so calls of far nodes do not wait for each other.

use std::collections::BTreeMap;
use std::path::Path;

use super::pod::Pod;
use super::vf;
use crate::cni::configuration::VfConfiguration;
use crate::cni::result::Interface;
use crate::topology::error::TopologyError;
use crate::topology::record::{Attachment, Kind};
use pinwire_wiring::allocation::restore;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::fault::step;
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::{AttachmentName, NetnsRecord, NodeKey, State, StateError};
use pinwire_wiring::name::InterfaceName;
use pinwire_wiring::wire;
use pinwire_wiring::wire::{Place, Sockets, Wire};

pub(crate) mod expected;
mod neighbour;
mod tell;

use neighbour::{Neighbour, check_node, neighbours};

/// A link that can be made now.
struct Meeting<'a> {
    link: &'a Link,
    peer: &'a Peer,
    /// The node at the far end; none for the host.
    key: Option<NodeKey>,
    /// The veth pair: the pod's end, then the far one.
    wire: Wire,
}

/// Attaches a pod to its topology: publishes it, wires it to all peers that are there. Returns the interfaces that came
/// into being for it, each with the host's end where there is one. A failure leaves nothing behind.
///
/// # Errors
/// The first [`TopologyError`].
pub fn join(
    state: &State,
    name: &AttachmentName,
    path: &Path,
    pod: Pod,
    vfs: &VfConfiguration,
) -> Result<Vec<Interface>, TopologyError> {
    let own = crate::cni::container::open_free(path, pod.links.iter().map(|link| &link.interface))?;
    let mut attachment = Attachment {
        name: name.clone(),
        netns: NetnsRecord::of(path, &own.netns),
        kind: Kind::Node(pod.clone()),
    };
    state.record(
        &mut attachment,
        |attachment| meet(state, attachment, &pod, own, vfs),
        |attachment| leave(state, attachment),
    )
}

/// Detaches a pod from its topology; what is gone already is no error. Its peers keep all but the wires to it, and get
/// those back when the pod returns. Goes on after errors, and forgets the pod only if there were none.
pub(crate) fn leave(state: &State, attachment: &Attachment) -> Vec<TopologyError> {
    let pod = attachment.kind.pod();
    let locks = match state.lock(nodes(pod)) {
        Ok(locks) => locks,
        Err(error) => return vec![error.into()],
    };
    let mut errors: Vec<TopologyError> = Vec::new();
    let mut note =
        |result: Result<(), StateError>| errors.extend(result.err().map(TopologyError::from));
    step();
    note(state.withdraw(&pod.key(), &attachment.name));
    for (_, peer) in pod.peers() {
        note(state.unstake(&pod.peer_key(peer), far(peer), &attachment.name));
    }
    step();
    if let Some(netns) = attachment.netns.open() {
        errors.extend(unwire(attachment, pod, &netns));
    }
    step();
    if pod.has_vfs() {
        let restored = restore::give_back(state, &attachment.name);
        errors.extend(restored.into_iter().map(TopologyError::from));
    }
    errors.extend(state.unlock(locks).err().map(TopologyError::from));
    step();
    if errors.is_empty() {
        errors.extend(state.forget(&attachment.name).err().map(Into::into));
        step();
    }
    errors
}

/// Deletes a pod's ends in its own namespace: what another pod has at the far end by now is not this one's.
fn unwire(attachment: &Attachment, pod: &Pod, netns: &Netns) -> Vec<TopologyError> {
    let end = pod.ends(Place::Netns(attachment.netns.path.clone()));
    let ends: Vec<_> = pod
        .peers()
        .filter(|(link, _)| link.kind == LinkType::Veth)
        .map(|(link, peer)| (pod.wire_group(link, peer), end(link)))
        .collect();
    let errors = wire::delete_ends(netns, &ends);
    errors.into_iter().map(TopologyError::from).collect()
}

/// The nodes that a pod's links concern, itself included.
fn nodes(pod: &Pod) -> Vec<NodeKey> {
    let peers = pod.peers().map(|(_, peer)| pod.peer_key(peer));
    peers.chain([pod.key()]).collect()
}

/// The interface at the far end of a link.
fn far(peer: &Peer) -> &InterfaceName {
    match peer {
        Peer::Node { interface, .. } | Peer::Host(interface) => interface,
    }
}

fn meet(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    own: Inside,
    vfs: &VfConfiguration,
) -> Result<Vec<Interface>, TopologyError> {
    let place = Place::Netns(attachment.netns.path.clone());
    let mut sockets = Sockets::default();
    sockets.keep(attachment.netns.path.clone(), own);
    let _locks = state.lock(nodes(pod))?;
    step();
    let claimants = check_node(state, attachment, pod)?;
    let neighbours = neighbours(state, attachment, pod, claimants, &mut sockets)?;
    let meetings = meetings(attachment, pod, &neighbours);
    let peers = pod.peers().map(|(_, peer)| (pod.peer_key(peer), far(peer)));
    state.publish(&attachment.name, &pod.key(), peers)?;
    step();
    let settings = pod.settings();
    tell::namespace(pod, sockets.at(&place)?, &settings)?;
    step();
    let wires = meetings.iter().map(|meeting| &meeting.wire);
    wire::create_unmarked(&mut sockets, wires.clone())?;
    step();
    let mut interfaces = interfaces(wires);
    let own = sockets.at(&place)?;
    interfaces.extend(vf::attach(state, attachment, pod, &own.netns, vfs)?);
    tell::host(pod, &meetings, &mut sockets)?;
    step();
    for (key, neighbour) in &neighbours {
        tell::neighbour(pod, key, neighbour, &meetings, &mut sockets)?;
        step();
    }
    // Last, since now the links come into operation: the kernel's workers, which that calls, would be in the way of more.
    tell::own(pod, sockets.at(&place)?, &settings, &meetings, &neighbours)?;
    step();
    Ok(interfaces)
}

/// The links whose far end is there, but for virtual vfs, of which each end is there by itself.
fn meetings<'a>(
    attachment: &Attachment,
    pod: &'a Pod,
    neighbours: &BTreeMap<NodeKey, Neighbour>,
) -> Vec<Meeting<'a>> {
    let own = pod.ends(Place::Netns(attachment.netns.path.clone()));
    let wires = pod.peers().filter(|(link, _)| link.kind == LinkType::Veth);
    let meetings = wires.filter_map(|(link, peer)| {
        let (key, far) = match peer {
            Peer::Host(interface) => (None, pod.host_end(interface)),
            Peer::Node { interface, .. } => {
                let key = pod.peer_key(peer);
                let neighbour = neighbours.get(&key)?;
                let link = neighbour.pod.link(interface)?;
                (Some(key), neighbour.pod.ends(neighbour.place())(link))
            }
        };
        let number = || pod.wire_group(link, peer);
        let wire = Wire {
            group: far.group.unwrap_or_else(number),
            mtu: default::mtu(link),
            ends: [own(link), far],
        };
        Some(Meeting {
            link,
            peer,
            key,
            wire,
        })
    });
    meetings.collect()
}

/// The interfaces of the pod, and of the host for it.
fn interfaces<'a>(wires: impl Iterator<Item = &'a Wire>) -> Vec<Interface> {
    let ends = wires.flat_map(|wire| {
        let [own, far] = &wire.ends;
        let host = (far.place == Place::Host).then_some((wire, far));
        std::iter::once((wire, own)).chain(host)
    });
    ends.map(|(wire, end)| Interface {
        name: end.interface.to_string(),
        mac: Some(end.mac.to_string()),
        mtu: Some(wire.mtu),
        sandbox: match &end.place {
            Place::Host => None,
            Place::Netns(path) => Some(path.display().to_string()),
        },
        pci_id: None,
    })
    .collect()
}
