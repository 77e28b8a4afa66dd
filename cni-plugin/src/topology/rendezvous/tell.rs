//! What the namespaces of a pod, of its neighbours and of the host are told when a pod has been wired.

use std::collections::{BTreeMap, BTreeSet};

use super::neighbour::Neighbour;
use super::{Meeting, far};
use crate::topology::error::TopologyError;
use crate::topology::pod::Pod;
use crate::topology::readiness::{Interfaces, ready, renewed};
use pinwire_wiring::annotation::{Peer, Plane};
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::ledger::NodeKey;
use pinwire_wiring::name::InterfaceName;
use pinwire_wiring::setting;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, Sockets, WireEnd};

/// Tells the pod's namespace its own sysctls. Links have to come later: they take what is said of `default` from there.
pub(super) fn namespace(
    pod: &Pod,
    own: &mut Inside,
    settings: &[Setting],
) -> Result<(), TopologyError> {
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
) -> Result<(), TopologyError> {
    let existing: Interfaces = meetings
        .iter()
        .map(|meeting| meeting.link)
        .chain(pod.vfs())
        .map(|link| link.interface.clone())
        .collect();
    let mut settings = ready(settings, &pod.links, &existing);
    settings.retain(|setting| !setting.is_of_namespace() && !setting.is_inherited());
    if let [_, _, ..] = meetings {
        raise_together(pod, &mut settings, meetings);
    }
    settings.splice(0..0, marks(meetings.iter(), |[own, _]| own));
    for meeting in meetings {
        let neighbour = meeting.key.as_ref().and_then(|key| neighbours.get(key));
        if neighbour.is_some_and(|neighbour| neighbour.pod.forwarding.plane == Plane::Xdp) {
            settings.push(setting::far_end(meeting.link.interface.clone()));
        }
    }
    setting::apply_by(own, &settings).map_err(|source| node_error(pod, source))
}

/// Tells the host's namespace about the ends that are there.
pub(super) fn host(
    pod: &Pod,
    meetings: &[Meeting<'_>],
    sockets: &mut Sockets,
) -> Result<(), TopologyError> {
    let met = meetings.iter().filter(|meeting| meeting.key.is_none());
    let mut settings: Vec<_> = marks(met, |[_, far]| far).collect();
    settings.extend(setting::host_settings(&pod.links));
    if pod.forwarding.plane == Plane::Xdp {
        settings.extend(pod.peers().filter_map(|(_, peer)| match peer {
            Peer::Host(interface) => Some(setting::far_end(interface.clone())),
            Peer::Node { .. } => None,
        }));
    }
    if settings.is_empty() {
        return Ok(());
    }
    let host = sockets.at(&Place::Host)?;
    setting::apply_by(host, &settings).map_err(|source| node_error(pod, source))
}

/// Tells a peer that was there before what belongs to its new ends: addresses, neighbours, routes.
pub(super) fn neighbour(
    pod: &Pod,
    key: &NodeKey,
    neighbour: &Neighbour,
    meetings: &[Meeting<'_>],
    sockets: &mut Sockets,
) -> Result<(), TopologyError> {
    let other = &neighbour.pod;
    let met = meetings
        .iter()
        .filter(|meeting| meeting.key.as_ref() == Some(key));
    let mut settings: Vec<_> = marks(met.clone(), |[_, far]| far).collect();
    let new: Interfaces = met.map(|meeting| far(meeting.peer).clone()).collect();
    let inside = sockets.at(&neighbour.place())?;
    let exists = |name: &InterfaceName| {
        new.contains(name) || inside.socket.index_of(name.as_str()).is_some()
    };
    let links = other.links.iter().map(|link| link.interface.clone());
    let existing = links.filter(exists).collect();
    let renewed = renewed(&other.settings(), &other.links, &existing, &new).into_iter();
    settings.extend(renewed.filter(|setting| !setting.is_inherited()));
    if pod.forwarding.plane == Plane::Xdp {
        settings.extend(new.into_iter().map(setting::far_end));
    }
    setting::apply_by(inside, &settings).map_err(|source| node_error(other, source))
}

/// Has links come up with one request. With one for each, every link but the first would wait for the kernel's workers.
fn raise_together(pod: &Pod, settings: &mut Vec<Setting>, meetings: &[Meeting<'_>]) {
    let met = meetings.iter().map(|meeting| &meeting.link.interface);
    let met: BTreeSet<_> = met.collect();
    let alone = |setting: &Setting| matches!(setting, Setting::LinkUp { interface } if met.contains(interface));
    if let Some(first) = settings.iter().position(alone) {
        settings.retain(|setting| !alone(setting));
        settings.insert(first, Setting::GroupUp { group: pod.group() });
    }
}

/// The marks of the ends that have come into being.
fn marks<'a>(
    met: impl Iterator<Item = &'a Meeting<'a>>,
    end: impl Fn(&'a [WireEnd; 2]) -> &'a WireEnd,
) -> impl Iterator<Item = Setting> {
    met.map(move |meeting| end(&meeting.wire.ends))
        .map(|end| Setting::AltName {
            interface: end.interface.clone(),
            name: end.altname.clone(),
        })
}

fn node_error(pod: &Pod, source: setting::SettingError) -> TopologyError {
    TopologyError::Node {
        pod: Box::new(pod.clone()),
        source,
    }
}
