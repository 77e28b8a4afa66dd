//! Who is there: the pods at the far ends of a pod's links, and whether all of them agree.

use std::collections::BTreeMap;

use super::far;
use crate::inside::Inside;
use crate::links::Peer;
use crate::plugin::agreement::{Disagreement, agree};
use crate::plugin::error::PluginError;
use crate::plugin::pod::Pod;
use crate::plugin::state::{Attachment, NodeKey, State};
use crate::wire::{Place, Sockets};

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

/// Whether the node is this pod's to be, and has what others say of it.
pub(super) fn check_node(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
) -> Result<(), PluginError> {
    if let Some(other) = state.node(&pod.key())?
        && other.name != attachment.name
        && let Some(other_pod) = other.pod()
        && other.netns.open().is_some()
    {
        return Err(PluginError::SameNode {
            one: Box::new(pod.clone()),
            other: format!(
                "pod {} (container {})",
                other_pod.name, other.name.container
            ),
            netns: other.netns.path,
        });
    }
    for (_, other) in state.claims(&pod.key())? {
        let Some(other_pod) = other.pod().filter(|_| other.name != attachment.name) else {
            continue;
        };
        let ours = |peer: &Peer| matches!(peer, Peer::Node { node, .. } if *node == pod.node);
        if other.netns.open().is_none() {
            continue;
        }
        for (link, peer) in other_pod.peers().filter(|(_, peer)| ours(peer)) {
            agree(other_pod, link, peer, pod)?;
        }
    }
    Ok(())
}

/// The pods at the far ends that are there, each of which must agree. Their namespaces are left open.
pub(super) fn neighbours(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    sockets: &mut Sockets,
) -> Result<BTreeMap<NodeKey, Neighbour>, PluginError> {
    let mut neighbours = BTreeMap::new();
    for (link, peer) in pod.peers() {
        let key = pod.peer_key(peer);
        contest(state, attachment, pod, (&key, peer))?;
        if matches!(peer, Peer::Host(_)) {
            continue;
        }
        if !neighbours.contains_key(&key)
            && let Some(other) = state.node(&key)?
            && let (Some(other_pod), Some(netns)) = (other.pod().cloned(), other.netns.open())
        {
            sockets.keep(other.netns.path.clone(), Inside::of(netns)?);
            let neighbour = Neighbour {
                attachment: other,
                pod: other_pod,
            };
            neighbours.insert(key.clone(), neighbour);
        }
        if let Some(neighbour) = neighbours.get(&key) {
            agree(pod, link, peer, &neighbour.pod)?;
        }
    }
    Ok(neighbours)
}

/// Refuses an end that another living pod has its link to.
fn contest(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    (key, peer): (&NodeKey, &Peer),
) -> Result<(), PluginError> {
    let Some(other) = state.claim(key, far(peer))? else {
        return Ok(());
    };
    let claims =
        |other: &Pod| other.key() != pod.key() && other.peers().any(|(_, found)| found == peer);
    match other.pod() {
        Some(other_pod)
            if other.name != attachment.name
                && claims(other_pod)
                && other.netns.open().is_some() =>
        {
            let disagreement = Disagreement::Contested {
                one: pod.clone(),
                other: other_pod.clone(),
                peer: peer.clone(),
            };
            Err(Box::new(disagreement).into())
        }
        _ => Ok(()),
    }
}
