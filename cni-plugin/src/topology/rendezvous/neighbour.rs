//! Who is there: the pods at the far ends of a pod's links, and whether all of them agree.

use std::collections::BTreeMap;

use super::far;
use crate::topology::agreement::{Disagreement, agree};
use crate::topology::error::TopologyError;
use crate::topology::pod::Pod;
use crate::topology::record::{Attachment, Kind};
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::{NodeKey, State};
use pinwire_wiring::wire::{Place, Sockets};

/// Claimants whose namespaces stay open: a process may have 1024 descriptors by default.
const OPEN: usize = 64;

/// A pod that is there, at the far end of a link.
pub(super) struct Neighbour {
    pub(super) attachment: Attachment,
    pub(super) pod: Pod,
}

impl Neighbour {
    /// Where its namespace is.
    pub(super) fn place(&self) -> Place {
        Place::Netns(self.attachment.netns.path.clone())
    }
}

/// Whether the node is this pod's to be, and has what others say of it. Returns those others, which are there.
pub(super) fn check_node(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
) -> Result<Vec<(Attachment, Netns)>, TopologyError> {
    if let Some(other) = state.node::<Kind>(&pod.key())?
        && other.name != attachment.name
        && other.netns.open().is_some()
    {
        let other_pod = other.kind.pod();
        return Err(TopologyError::SameNode {
            one: Box::new(pod.clone()),
            other: format!(
                "pod {} (container {})",
                other_pod.name, other.name.container
            ),
            netns: other.netns.path,
        });
    }
    let mut claimants = Vec::new();
    for (_, other) in state.claims::<Kind>(&pod.key())? {
        if other.name == attachment.name {
            continue;
        }
        let other_pod = other.kind.pod();
        let Some(netns) = other.netns.open() else {
            continue;
        };
        agree(other_pod, pod)?;
        if claimants.len() < OPEN {
            claimants.push((other, netns));
        }
    }
    Ok(claimants)
}

/// The pods at the far ends that are there, each of which must agree; most are those that name this one. Their namespaces
/// are left open.
pub(super) fn neighbours(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    mut claimants: Vec<(Attachment, Netns)>,
    sockets: &mut Sockets,
) -> Result<BTreeMap<NodeKey, Neighbour>, TopologyError> {
    let mut neighbours = BTreeMap::new();
    for (_, peer) in pod.peers() {
        let key = pod.peer_key(peer);
        contest(state, attachment, pod, (&key, peer))?;
        if matches!(peer, Peer::Host(_)) {
            continue;
        }
        if !neighbours.contains_key(&key)
            && let Some((other, netns)) = resident(state, &key, &mut claimants)?
        {
            let other_pod = other.kind.pod().clone();
            agree(pod, &other_pod)?;
            sockets.keep(other.netns.path.clone(), Inside::of(netns)?);
            let neighbour = Neighbour {
                attachment: other,
                pod: other_pod,
            };
            neighbours.insert(key.clone(), neighbour);
        }
    }
    Ok(neighbours)
}

/// What is a node, if it is there: one of those that are known to be, or else as it was written down.
fn resident(
    state: &State,
    node: &NodeKey,
    known: &mut Vec<(Attachment, Netns)>,
) -> Result<Option<(Attachment, Netns)>, TopologyError> {
    let is_it = |known: &(Attachment, Netns)| {
        let (attachment, _) = known;
        attachment.kind.pod().key() == *node && state.is_node(node, &attachment.name)
    };
    if let Some(position) = known.iter().position(is_it) {
        return Ok(Some(known.swap_remove(position)));
    }
    let found = state.node(node)?;
    Ok(found.and_then(|found| found.netns.open().map(|netns| (found, netns))))
}

/// Refuses an end that another living pod has its link to.
fn contest(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    (key, peer): (&NodeKey, &Peer),
) -> Result<(), TopologyError> {
    let Some(other) = state.claim::<Kind>(key, far(peer))? else {
        return Ok(());
    };
    let claims =
        |other: &Pod| other.key() != pod.key() && other.peers().any(|(_, found)| found == peer);
    let other_pod = other.kind.pod();
    if other.name == attachment.name || !claims(other_pod) || other.netns.open().is_none() {
        return Ok(());
    }
    let disagreement = Disagreement::Contested {
        one: pod.clone(),
        other: other_pod.clone(),
        peer: peer.clone(),
    };
    Err(Box::new(disagreement).into())
}
