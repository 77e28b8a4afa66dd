//! What the namespaces of a pod, of its neighbours and of the host are told when a pod has been wired.

use std::collections::BTreeMap;

use super::neighbour::Neighbour;
use super::{Meeting, far};
use crate::inside::Inside;
use crate::links::{Peer, Plane};
use crate::netns::Netns;
use crate::plugin::error::PluginError;
use crate::plugin::pod::Pod;
use crate::plugin::readiness::{Interfaces, ready, renewed};
use crate::plugin::state::NodeKey;
use crate::setting::{self, Setting};
use crate::wire::Sockets;

/// Tells the pod's namespace its own sysctls. Links have to come later: they take what is said of `default` from there.
pub(super) fn namespace(
    pod: &Pod,
    own: &mut Inside,
    settings: &[Setting],
) -> Result<(), PluginError> {
    let settings = settings.iter().filter(|setting| setting.is_of_namespace());
    let settings: Vec<_> = settings.cloned().collect();
    setting::apply_by(own, &settings).map_err(|source| node_error(pod, source))
}

/// Tells the pod what the links that exist allow.
pub(super) fn own(
    pod: &Pod,
    own: &mut Inside,
    settings: &[Setting],
    meetings: &[Meeting<'_>],
    neighbours: &BTreeMap<NodeKey, Neighbour>,
) -> Result<(), PluginError> {
    let existing: Interfaces = meetings
        .iter()
        .map(|meeting| meeting.link)
        .chain(pod.functions())
        .map(|link| link.interface.clone())
        .collect();
    let mut settings = ready(settings, &pod.links, &existing);
    settings.retain(|setting| !setting.is_of_namespace() && !setting.is_inherited());
    for meeting in meetings {
        let neighbour = meeting.key.as_ref().and_then(|key| neighbours.get(key));
        if neighbour.is_some_and(|neighbour| neighbour.pod.forwarding.plane == Plane::Xdp) {
            settings.push(setting::far_end(meeting.link.interface.clone()));
        }
    }
    setting::apply_by(own, &settings).map_err(|source| node_error(pod, source))
}

/// Tells the host's namespace about the ends that are there.
pub(super) fn host(pod: &Pod) -> Result<(), PluginError> {
    let mut settings = setting::host_settings(&pod.links);
    if pod.forwarding.plane == Plane::Xdp {
        settings.extend(pod.peers().filter_map(|(_, peer)| match peer {
            Peer::Host(interface) => Some(setting::far_end(interface.clone())),
            Peer::Node { .. } => None,
        }));
    }
    if settings.is_empty() {
        return Ok(());
    }
    setting::apply(&Netns::current()?, &settings).map_err(|source| node_error(pod, source))
}

/// Tells a peer that was there before what belongs to its new ends: addresses, neighbours, routes.
pub(super) fn neighbour(
    pod: &Pod,
    key: &NodeKey,
    neighbour: &Neighbour,
    meetings: &[Meeting<'_>],
    sockets: &mut Sockets,
) -> Result<(), PluginError> {
    let other = &neighbour.pod;
    let met = meetings
        .iter()
        .filter(|meeting| meeting.key.as_ref() == Some(key));
    let new: Interfaces = met.map(|meeting| far(meeting.peer).clone()).collect();
    let inside = sockets.at(&neighbour.place())?;
    let links = other.links.iter().map(|link| link.interface.clone());
    let existing = links
        .filter(|interface| inside.socket.index_of(interface.as_str()).is_some())
        .collect();
    let mut settings = renewed(&other.settings()?, &other.links, &existing, &new);
    settings.retain(|setting| !setting.is_inherited());
    if pod.forwarding.plane == Plane::Xdp {
        settings.extend(new.into_iter().map(setting::far_end));
    }
    setting::apply_by(inside, &settings).map_err(|source| node_error(other, source))
}

fn node_error(pod: &Pod, source: setting::SettingError) -> PluginError {
    PluginError::Node {
        pod: Box::new(pod.clone()),
        source,
    }
}
