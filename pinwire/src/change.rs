//! What separates what exists from what is wanted. Pure: two deployments and an observation in, a list of work out.
//!
//! The same comparison serves a first `up` (nothing exists), a second one (little differs), the repair of what somebody
//! broke by hand, and the undo of a failed `up` (the old deployment is what is wanted).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::name::NodeName;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, Wire};
use serde::Serialize;

use crate::plan::{ContainerPlan, Deployment, NodePlan};

mod vf;

/// What was found on this host of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The nodes whose network namespace exists.
    pub nodes: HashMap<NodeName, ObservedNode>,
    /// The host's ends of wires.
    pub host: ObservedNode,
}

/// What was found of one node.
#[derive(Clone, Debug, Default)]
pub struct ObservedNode {
    /// The alternative names of its interfaces that have the name, MAC address, MTU and tuning that they should; of virtual
    /// functions, also the driver and the attributes.
    pub altnames: HashSet<String>,
    /// The ids of its containers that run.
    pub running: HashSet<String>,
    /// Whether its addresses, routes and the like are as they were applied.
    pub is_configured: bool,
}

/// The work that leads from what exists to what is wanted, in the order in which it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Containers to stop and remove.
    pub stop: Vec<ContainerPlan>,
    /// Wires to delete; one whose ends are gone already is no error.
    pub disconnect: Vec<Wire>,
    /// Virtual functions to give back; what is gone already is no error.
    pub detach: Vec<VfEnd>,
    /// Settings to take back in a namespace that stays.
    pub unset: Vec<(Place, Vec<Setting>)>,
    /// Nodes to remove.
    pub remove: Vec<NodePlan>,
    /// Nodes to create.
    pub create: Vec<NodePlan>,
    /// Wires to create.
    pub connect: Vec<Wire>,
    /// Virtual functions to attach, in this order.
    pub attach: Vec<VfEnd>,
    /// Settings to make; making one that stands already is no error.
    pub set: Vec<(Place, Vec<Setting>)>,
    /// Containers to start, each with its node.
    pub start: Vec<(NodePlan, ContainerPlan)>,
}

/// The number of each kind of work, for a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Nodes created.
    pub nodes_created: usize,
    /// Nodes removed.
    pub nodes_removed: usize,
    /// Wires created.
    pub wires_created: usize,
    /// Wires deleted.
    pub wires_deleted: usize,
    /// Virtual functions attached.
    #[serde(rename = "functionsAttached")]
    pub vfs_attached: usize,
    /// Virtual functions given back.
    #[serde(rename = "functionsDetached")]
    pub vfs_detached: usize,
    /// Namespaces whose settings change.
    pub namespaces_set: usize,
    /// Containers started.
    pub containers_started: usize,
    /// Containers stopped.
    pub containers_stopped: usize,
}

impl Changes {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How much there is of each kind of work.
    pub fn counts(&self) -> Counts {
        Counts {
            nodes_created: self.create.len(),
            nodes_removed: self.remove.len(),
            wires_created: self.connect.len(),
            wires_deleted: self.disconnect.len(),
            vfs_attached: self.attach.len(),
            vfs_detached: self.detach.len(),
            namespaces_set: self.set.len(),
            containers_started: self.start.len(),
            containers_stopped: self.stop.len(),
        }
    }

    /// The work that leads from `old`, as far as `observed` still shows it, to `new`.
    pub fn between(old: &Deployment, observed: &Observed, new: &Deployment) -> Self {
        let nodes = NodeChanges::between(old, observed, new);
        let (disconnect, connect) = wire_changes(old, observed, new, &nodes);
        let (detach, attach) = vf::changes(old, observed, new, &nodes);
        let (stop, start) = container_changes(old, observed, new, &nodes, [&detach, &attach]);
        let fresh: BTreeSet<_> = connect
            .iter()
            .flat_map(|wire| &wire.ends)
            .map(|end| end.place.clone())
            .chain(attach.iter().map(|end| Place::Netns(end.netns.clone())))
            .collect();
        let (unset, set) = setting_changes(old, observed, new, &nodes, &fresh);
        Self {
            stop,
            disconnect,
            detach,
            unset,
            remove: nodes.remove,
            create: nodes.create,
            connect,
            attach,
            set,
            start,
        }
    }
}

/// The nodes that come and go; every other part of the comparison builds on it.
struct NodeChanges {
    remove: Vec<NodePlan>,
    create: Vec<NodePlan>,
    /// Network namespaces that are not there before wires are made.
    absent: HashSet<PathBuf>,
}

impl NodeChanges {
    fn between(old: &Deployment, observed: &Observed, new: &Deployment) -> Self {
        let wanted: HashSet<_> = new.nodes.iter().map(|node| &node.name).collect();
        let known: HashSet<_> = old.nodes.iter().map(|node| &node.name).collect();
        let stands =
            |node: &NodePlan| known.contains(&node.name) && observed.nodes.contains_key(&node.name);
        let remove: Vec<_> = old
            .nodes
            .iter()
            .filter(|node| !wanted.contains(&node.name))
            .cloned()
            .collect();
        let create: Vec<_> = new
            .nodes
            .iter()
            .filter(|node| !stands(node))
            .cloned()
            .collect();
        let absent = remove
            .iter()
            .chain(&create)
            .map(|node| node.netns.clone())
            .collect();
        Self {
            remove,
            create,
            absent,
        }
    }

    fn is_absent(&self, place: &Place) -> bool {
        matches!(place, Place::Netns(path) if self.absent.contains(path))
    }
}

fn wire_changes(
    old: &Deployment,
    observed: &Observed,
    new: &Deployment,
    nodes: &NodeChanges,
) -> (Vec<Wire>, Vec<Wire>) {
    let seen: HashSet<&String> = observed
        .nodes
        .values()
        .flat_map(|node| &node.altnames)
        .chain(&observed.host.altnames)
        .collect();
    let known: HashSet<_> = old.wires.iter().collect();
    let stands = |wire: &Wire| {
        known.contains(wire)
            && wire
                .ends
                .iter()
                .all(|end| !nodes.is_absent(&end.place) && seen.contains(&end.altname))
    };
    let kept: HashSet<_> = new.wires.iter().filter(|wire| stands(wire)).collect();
    // An interface is one wire's end: where a kept wire has it, no other wire of its name exists.
    let held: HashSet<_> = kept
        .iter()
        .flat_map(|wire| &wire.ends)
        .map(|end| &end.altname)
        .collect();
    let gone = |wire: &&Wire| {
        !kept.contains(wire) && !wire.ends.iter().any(|end| held.contains(&end.altname))
    };
    let disconnect = old.wires.iter().filter(gone).cloned().collect();
    let connect = new
        .wires
        .iter()
        .filter(|wire| !kept.contains(wire))
        .cloned()
        .collect();
    (disconnect, connect)
}

type Stop = Vec<ContainerPlan>;
type Start = Vec<(NodePlan, ContainerPlan)>;

fn container_changes(
    old: &Deployment,
    observed: &Observed,
    new: &Deployment,
    nodes: &NodeChanges,
    moving: [&[VfEnd]; 2],
) -> (Stop, Start) {
    // What a container drives itself it is given when it starts.
    let has_other_devices = |node: &NodePlan| {
        let mut ends = moving.into_iter().flatten();
        ends.any(|end| end.options.driver.is_some() && end.netns == node.netns)
    };
    let known: HashMap<_, _> = containers(old)
        .map(|(_, container)| (&container.id, container))
        .collect();
    let stands = |node: &NodePlan, container: &ContainerPlan| {
        !nodes.absent.contains(&node.netns)
            && !has_other_devices(node)
            && known.get(&container.id) == Some(&container)
            && observed
                .nodes
                .get(&node.name)
                .is_some_and(|seen| seen.running.contains(&container.id))
    };
    let kept: HashSet<_> = containers(new)
        .filter(|(node, container)| stands(node, container))
        .map(|(_, container)| &container.id)
        .collect();
    let stop = containers(old).filter(|(_, container)| !kept.contains(&container.id));
    let start = containers(new).filter(|(_, container)| !kept.contains(&container.id));
    (
        stop.map(|(_, container)| container.clone()).collect(),
        start
            .map(|(node, container)| (node.clone(), container.clone()))
            .collect(),
    )
}

fn containers(deployment: &Deployment) -> impl Iterator<Item = (&NodePlan, &ContainerPlan)> {
    deployment.nodes.iter().flat_map(|node| {
        node.containers
            .iter()
            .map(move |container| (node, container))
    })
}

type Settings = Vec<(Place, Vec<Setting>)>;

/// A namespace is configured anew where anything of it differs: settings depend on each other (an address that goes takes
/// its routes along), and applying what stands already changes nothing.
fn setting_changes(
    old: &Deployment,
    observed: &Observed,
    new: &Deployment,
    nodes: &NodeChanges,
    fresh: &BTreeSet<Place>,
) -> (Settings, Settings) {
    let mut unset = Vec::new();
    let mut set = Vec::new();
    let mut compare = |place: Place, is_configured: bool, old: &[Setting], new: &[Setting]| {
        let wanted: HashSet<_> = new.iter().collect();
        let gone: Vec<_> = old
            .iter()
            .filter(|setting| !wanted.contains(setting))
            .cloned()
            .collect();
        if !gone.is_empty() && !nodes.is_absent(&place) {
            unset.push((place.clone(), gone));
        }
        let differs =
            old != new || !is_configured || nodes.is_absent(&place) || fresh.contains(&place);
        if !new.is_empty() && differs {
            set.push((place, new.to_vec()));
        }
    };
    compare(
        Place::Host,
        observed.host.is_configured,
        &old.host,
        &new.host,
    );
    let known: HashMap<_, _> = old.nodes.iter().map(|node| (&node.name, node)).collect();
    for node in &new.nodes {
        let old = known.get(&node.name).map_or(&[][..], |node| &node.settings);
        let is_configured = observed
            .nodes
            .get(&node.name)
            .is_some_and(|seen| seen.is_configured);
        compare(
            Place::Netns(node.netns.clone()),
            is_configured,
            old,
            &node.settings,
        );
    }
    (unset, set)
}
