//! From a topology to all that is to exist for it on this host. Pure: nothing here asks or tells the kernel.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use pinwire_shim::workload::Workload;
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::rule::default::NoPool;
use pinwire_wiring::annotation::{LinkType, Peer, Plane, Pools};
use pinwire_wiring::name::{InterfaceName, MacAddress, NodeName, TopologyName};
use pinwire_wiring::setting;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::Wire;
use serde::{Deserialize, Serialize};

use crate::image::Image;
use crate::paths::TopologyPaths;
use crate::topology::{Container, Node, Topology};

mod functions;
mod wires;

/// What a node is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A network namespace and the containers of the pod
    #[default]
    Container,
    /// A network namespace only; the pod's containers are not started
    Namespace,
}

/// All that a topology consists of on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The topology's name.
    pub name: TopologyName,
    /// What its nodes are made of.
    pub mode: Mode,
    /// Its nodes, in the order of the manifest.
    pub nodes: Vec<NodePlan>,
    /// Its wires, in the order of the nodes.
    pub wires: Vec<Wire>,
    /// Its ends of links that are virtual functions, in the order in which they are attached.
    pub functions: Vec<VfEnd>,
    /// What the host's ends of wires are told.
    pub host: Vec<Setting>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Its name.
    pub name: NodeName,
    /// The pod it comes from, `NAMESPACE/NAME`.
    pub pod: String,
    /// Where its network namespace is mounted.
    pub netns: PathBuf,
    /// Its ends of wires.
    pub interfaces: Vec<InterfacePlan>,
    /// What its network namespace is told, in order.
    pub settings: Vec<Setting>,
    /// Its containers; none in [`Mode::Namespace`].
    pub containers: Vec<ContainerPlan>,
    /// Time between SIGTERM and SIGKILL, where the pod says.
    pub grace: Option<Duration>,
}

/// One end of a wire, as people look for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfacePlan {
    /// Its name.
    pub name: InterfaceName,
    /// Its MAC address.
    pub mac: MacAddress,
    /// What it is connected to; none for a virtual function that leads out of this host.
    pub peer: Option<Peer>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// Unique within the topology: `NODE.CONTAINER`.
    pub id: String,
    /// Its name within the pod.
    pub name: String,
    /// The pod's host name.
    pub hostname: String,
    /// What its root file system is made of.
    pub image: Image,
    /// What it runs.
    pub workload: Workload,
}

/// A topology that cannot be what its manifest says, on this host.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A link is of a pool that is not there.
    #[error("the link `{node}:{interface}` gets no virtual function")]
    Pool {
        /// The node.
        node: NodeName,
        /// The interface.
        interface: InterfaceName,
        /// Why.
        source: NoPool,
    },
}

impl Deployment {
    /// Plans a topology. `images` has an entry for every image that a container names; none is needed in
    /// [`Mode::Namespace`], where a container whose image is missing there is left out. `pools` are those of this host.
    ///
    /// # Errors
    /// The first link that is of no pool.
    pub fn of(
        topology: &Topology,
        mode: Mode,
        paths: &TopologyPaths,
        images: &BTreeMap<String, Image>,
        pools: &Pools,
    ) -> Result<Self, DeployError> {
        let nodes = topology
            .nodes
            .iter()
            .map(|node| plan_node(&topology.name, node, mode, paths, images));
        let mut deployment = Self {
            name: topology.name.clone(),
            mode,
            nodes: nodes.collect(),
            wires: wires::wires(topology, paths),
            functions: functions::ends(topology, paths, pools)?,
            host: topology
                .nodes
                .iter()
                .flat_map(|node| setting::host_settings(&node.links))
                .collect(),
        };
        deployment.prepare_far_ends(topology);
        Ok(deployment)
    }

    /// Adds what the neighbours of XDP nodes need to take redirected packets.
    fn prepare_far_ends(&mut self, topology: &Topology) {
        let nodes = topology.nodes.iter();
        let peers = nodes
            .filter(|node| node.forwarding.plane == Plane::Xdp)
            .flat_map(|node| node.links.iter().filter(|link| link.kind == LinkType::Veth))
            .filter_map(|link| link.peer.as_ref());
        for peer in peers {
            match peer {
                Peer::Host(interface) => self.host.push(setting::far_end(interface.clone())),
                Peer::Node { node, interface } => {
                    let far = self.nodes.iter_mut().find(|far| far.name == *node);
                    far.into_iter()
                        .for_each(|far| far.settings.push(setting::far_end(interface.clone())));
                }
            }
        }
    }

    /// A deployment of nothing: where `up` starts from.
    pub fn empty(name: TopologyName, mode: Mode) -> Self {
        Self {
            name,
            mode,
            nodes: Vec::new(),
            wires: Vec::new(),
            functions: Vec::new(),
            host: Vec::new(),
        }
    }

    /// All that exists in either deployment, for the record of a change from one to the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = other.clone();
        for node in &self.nodes {
            match all.nodes.iter_mut().find(|known| known.name == node.name) {
                None => all.nodes.push(node.clone()),
                Some(known) => {
                    let known = &mut known.containers;
                    let lost = node
                        .containers
                        .iter()
                        .filter(|container| !known.iter().any(|other| other.id == container.id));
                    let lost: Vec<_> = lost.cloned().collect();
                    known.extend(lost);
                }
            }
        }
        for wire in &self.wires {
            if !all.wires.contains(wire) {
                all.wires.push(wire.clone());
            }
        }
        for end in &self.functions {
            if !all.functions.contains(end) {
                all.functions.push(end.clone());
            }
        }
        all
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&NodePlan> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }
}

fn plan_node(
    topology: &TopologyName,
    node: &Node,
    mode: Mode,
    paths: &TopologyPaths,
    images: &BTreeMap<String, Image>,
) -> NodePlan {
    let interfaces = node.links.iter().map(|link| InterfacePlan {
        name: link.interface.clone(),
        mac: default::mac(topology, &node.name, link),
        peer: link.peer.clone(),
    });
    let containers = node.containers.iter().filter_map(|container| {
        let image = images.get(&container.image)?;
        Some(plan_container(node, container, image))
    });
    NodePlan {
        name: node.name.clone(),
        pod: format!("{}/{}", node.namespace, node.pod),
        netns: paths.namespace(&node.name),
        interfaces: interfaces.collect(),
        settings: setting::settings(&node.links, &node.forwarding),
        containers: match mode {
            Mode::Container => containers.collect(),
            Mode::Namespace => Vec::new(),
        },
        grace: node.grace,
    }
}

fn plan_container(node: &Node, container: &Container, image: &Image) -> ContainerPlan {
    ContainerPlan {
        id: format!("{}.{}", node.name, container.name),
        name: container.name.clone(),
        hostname: node.hostname.clone(),
        image: image.clone(),
        workload: container.workload.clone(),
    }
}
