//! What a running topology is and does: the record, and beside it what the kernel says now.

mod vf;

pub use vf::VfView;

use std::collections::HashMap;

use ipnet::IpNet;
use pinwire_shim::cgroup::Cgroup;
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::name::{InterfaceName, MacAddress};
use pinwire_wiring::observe::{Counters, Observation, ObservedLink};
use pinwire_wiring::wire::{Place, WireEnd};
use serde::Serialize;

use crate::engine::{self, ObserveError, parallel, process};
use crate::paths::TopologyPaths;
use crate::plan::{ContainerPlan, Mode, NodePlan};
use crate::record::{Record, State};

/// The other end of a virtual function that leads out of this host.
const OUTSIDE: &str = "outside";

/// A topology as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopologyView {
    /// Its name.
    pub name: String,
    /// Whether a change is under way, or was interrupted.
    pub state: State,
    /// What its nodes are made of.
    pub mode: Mode,
    /// Its nodes, in the order of the manifest.
    pub nodes: Vec<NodeView>,
    /// The host's ends of its wires.
    pub host: Vec<InterfaceView>,
}

/// A node as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its pod, `NAMESPACE/NAME`.
    pub pod: String,
    /// Where its network namespace is mounted.
    pub netns: String,
    /// Whether its network namespace exists.
    pub exists: bool,
    /// Its containers.
    pub containers: Vec<ContainerView>,
    /// Its ends of wires.
    pub interfaces: Vec<InterfaceView>,
}

/// A container as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerView {
    /// Its name within the pod.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its first process, if that runs.
    pub pid: Option<i32>,
    /// Bytes of memory that its control group is charged with.
    pub memory_bytes: Option<u64>,
    /// How often the kernel killed one of its processes for want of memory.
    pub oom_kills: Option<u64>,
    /// CPU time that its processes used, in microseconds.
    pub cpu_microseconds: Option<u64>,
    /// How often its CPU limit held it back.
    pub cpu_throttled: Option<u64>,
}

/// An end of a wire as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceView {
    /// Its name.
    pub name: String,
    /// The other end.
    pub peer: String,
    /// Its state.
    pub state: LinkState,
    /// Its MAC address.
    pub mac: Option<MacAddress>,
    /// Its maximum transmission unit in bytes.
    pub mtu: Option<u32>,
    /// Its alternative name, which marks it as Pinwire's.
    pub altname: Option<String>,
    /// Its addresses, link-local ones included.
    pub addresses: Vec<IpNet>,
    /// What it has counted.
    pub counters: Option<Counters>,
    /// The virtual function that it is; `null` for a veth.
    #[serde(rename = "function")]
    pub vf: Option<VfView>,
}

/// Whether an interface can carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// It can.
    Up,
    /// Somebody took it down.
    Down,
    /// It is up and its other end is not.
    NoCarrier,
    /// It is no interface: a process drives the virtual function.
    Vfio,
    /// It is not there.
    Missing,
}

/// Looks at a topology.
///
/// # Errors
/// [`ObserveError`] where a namespace is there and cannot be read.
pub fn view(record: &Record, paths: &TopologyPaths) -> Result<TopologyView, ObserveError> {
    let deployment = &record.deployment;
    let vfs = vf::views(deployment, paths)?;
    let nodes = parallel::map(&deployment.nodes, |node| {
        let vf = |interface: &InterfaceName| {
            let key = (node.name.clone(), interface.clone());
            vfs.get(&key).cloned()
        };
        view_node(node, paths, vf)
    });
    Ok(TopologyView {
        name: deployment.name.to_string(),
        state: record.state,
        mode: deployment.mode,
        nodes: nodes.into_iter().collect::<Result<_, _>>()?,
        host: view_host(record)?,
    })
}

fn view_node(
    node: &NodePlan,
    paths: &TopologyPaths,
    vf: impl Fn(&InterfaceName) -> Option<VfView>,
) -> Result<NodeView, ObserveError> {
    let found = engine::look_at(node)?;
    let interfaces = node.interfaces.iter().map(|interface| {
        let link = found
            .as_ref()
            .and_then(|found| Some((found, found.link(interface.name.as_str())?)));
        let peer = interface.peer.as_ref();
        let peer = peer.map_or_else(|| OUTSIDE.to_owned(), Peer::to_string);
        let view = view_interface(interface.name.as_str(), peer, link);
        match vf(&interface.name) {
            Some(vf) if vf.device.is_some() => InterfaceView {
                state: LinkState::Vfio,
                mac: vf.mac,
                vf: Some(vf),
                ..view
            },
            vf => InterfaceView { vf, ..view },
        }
    });
    Ok(NodeView {
        name: node.name.to_string(),
        pod: node.pod.clone(),
        netns: node.netns.display().to_string(),
        exists: found.is_some(),
        containers: node
            .containers
            .iter()
            .map(|container| view_container(container, paths))
            .collect(),
        interfaces: interfaces.collect(),
    })
}

fn view_container(container: &ContainerPlan, paths: &TopologyPaths) -> ContainerView {
    let cgroup = Cgroup::at(&paths.cgroup).and_then(|topology| topology.child(&container.id));
    let usage = cgroup.map(|cgroup| cgroup.usage()).ok();
    ContainerView {
        name: container.name.clone(),
        image: container.image.reference.to_string(),
        pid: process::running(paths, &container.id),
        memory_bytes: usage.as_ref().and_then(|usage| usage.memory_bytes),
        oom_kills: usage.as_ref().and_then(|usage| usage.oom_kills),
        cpu_microseconds: usage.as_ref().and_then(|usage| usage.cpu_microseconds),
        cpu_throttled: usage.as_ref().and_then(|usage| usage.throttled_periods),
    }
}

fn view_interface(
    name: &str,
    peer: String,
    link: Option<(&Observation, &ObservedLink)>,
) -> InterfaceView {
    let (found, link) = link.unzip();
    InterfaceView {
        name: name.to_owned(),
        peer,
        // Not the operational state: the kernel updates that up to a second later.
        state: match link.map(|link| (link.up, link.carrier)) {
            None => LinkState::Missing,
            Some((false, _)) => LinkState::Down,
            Some((true, true)) => LinkState::Up,
            Some((true, false)) => LinkState::NoCarrier,
        },
        mac: link.and_then(|link| link.mac),
        mtu: link.map(|link| link.mtu),
        altname: link.and_then(|link| link.altnames.first().cloned()),
        addresses: found
            .zip(link)
            .map_or_else(Vec::new, |(found, link)| found.addresses_of(link).collect()),
        counters: link.map(|link| link.counters),
        vf: None,
    }
}

fn view_host(record: &Record) -> Result<Vec<InterfaceView>, ObserveError> {
    let peers: HashMap<String, String> = record
        .deployment
        .nodes
        .iter()
        .flat_map(|node| {
            node.interfaces
                .iter()
                .map(move |interface| (node, interface))
        })
        .filter_map(|(node, interface)| match &interface.peer {
            Some(Peer::Host(name)) => Some((
                name.to_string(),
                format!("{}:{}", node.name, interface.name),
            )),
            Some(Peer::Node { .. }) | None => None,
        })
        .collect();
    let ends: Vec<&WireEnd> = record
        .deployment
        .wires
        .iter()
        .flat_map(|wire| &wire.ends)
        .filter(|end| end.place == Place::Host)
        .collect();
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let found = engine::look_at_host()?;
    let view = ends.into_iter().map(|end| {
        let peer = peers
            .get(end.interface.as_str())
            .cloned()
            .unwrap_or_default();
        let link = found.link(&end.altname).map(|link| (&found, link));
        view_interface(end.interface.as_str(), peer, link)
    });
    Ok(view.collect())
}
