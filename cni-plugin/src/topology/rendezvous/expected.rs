//! What ought to be there for a pod by now, given who else is there. Changes nothing.

use super::nodes;
use crate::topology::agreement::names;
use crate::topology::error::TopologyError;
use crate::topology::pod::Pod;
use crate::topology::readiness::{Interfaces, ready};
use crate::topology::record::Kind;
use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::ledger::State;
use pinwire_wiring::setting::Setting;

/// What a pod's namespace ought to have been told by now, given the links that exist.
pub(crate) fn settings(pod: &Pod, existing: &Interfaces) -> Vec<Setting> {
    ready(&pod.settings(), &pod.links, existing)
}

/// The links of a pod whose far ends are there, with whether they are the host's.
pub(crate) fn links<'a>(
    state: &State,
    pod: &'a Pod,
) -> Result<Vec<(&'a Link, &'a Peer)>, TopologyError> {
    let _locks = state.lock(nodes(pod))?;
    let mut expected = Vec::new();
    for (link, peer) in pod.peers() {
        // What is known of virtual functions is with them.
        if link.kind == LinkType::Vf {
            continue;
        }
        let there = match peer {
            Peer::Host(_) => true,
            Peer::Node { interface, .. } => {
                let other = state.node::<Kind>(&pod.peer_key(peer))?;
                let other = other.filter(|other| other.netns.open().is_some());
                let far = other
                    .as_ref()
                    .and_then(|other| other.kind.pod().link(interface));
                far.is_some_and(|far| far.peer.as_ref().is_some_and(|far| names(far, pod, link)))
            }
        };
        if there {
            expected.push((link, peer));
        }
    }
    Ok(expected)
}
