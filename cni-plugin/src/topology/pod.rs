//! A pod as a node of a topology: from its annotations to a typed, validated value. Pure.
//!
//! Only what one pod can be wrong about by itself; whether its neighbours agree is for `agreement`.

use std::fmt;

use serde::{Deserialize, Serialize};

use pinwire_wiring::annotation::{FORWARDING, Forwarding, Link, NODE, Peer, TOPOLOGY};
use pinwire_wiring::identity;
use pinwire_wiring::identity::HOST;
use pinwire_wiring::ledger::NodeKey;
use pinwire_wiring::name::{InterfaceName, MacAddress, NodeName, TopologyName};
use pinwire_wiring::setting;
use pinwire_wiring::setting::{PlanError, Setting};
use pinwire_wiring::wire::{DEFAULT_MTU, Place, WireEnd};

mod annotation;

/// A pod that is a node of a topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// The topology.
    pub topology: TopologyName,
    /// The node's name in it.
    pub node: NodeName,
    /// The pod, `NAMESPACE/NAME`.
    pub name: String,
    /// Its ends of links.
    pub links: Vec<Link>,
    /// How it forwards.
    pub forwarding: Forwarding,
}

/// What is wrong with a pod's annotations.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// There is no such annotation.
    #[error("pod {pod} has the annotation `{annotation}`, which Pinwire does not know")]
    Unknown {
        /// The pod.
        pod: String,
        /// The annotation.
        annotation: String,
    },
    /// There are links, but no topology.
    #[error("pod {pod} has the annotation `{annotation}`, but not `{TOPOLOGY}`")]
    NoTopology {
        /// The pod.
        pod: String,
        /// The annotation.
        annotation: String,
    },
    /// Nothing says which node the pod is.
    #[error(
        "nothing says which node the pod is: neither K8S_POD_NAME in CNI_ARGS nor the annotation `{NODE}`"
    )]
    NoName,
    /// An annotation's text cannot be read.
    #[error("the annotation `{annotation}` of pod {pod} is wrong: {reason}")]
    Text {
        /// The pod.
        pod: String,
        /// The annotation.
        annotation: &'static str,
        /// Why.
        reason: String,
    },
    /// A link cannot be.
    #[error("the link `{interface}` of pod {pod} {reason}")]
    Link {
        /// The pod.
        pod: String,
        /// The interface.
        interface: InterfaceName,
        /// Why.
        reason: String,
    },
    /// What the pod's namespace is to be told contradicts itself.
    #[error("the annotation `{FORWARDING}` of pod {pod} cannot be carried out")]
    Plan {
        /// The pod.
        pod: String,
        /// Why.
        source: PlanError,
    },
}

impl Pod {
    /// The node that the pod is.
    pub(crate) fn key(&self) -> NodeKey {
        NodeKey::node(&self.topology, &self.node)
    }

    /// The node at the far end of a link.
    pub(crate) fn peer_key(&self, peer: &Peer) -> NodeKey {
        match peer {
            Peer::Node { node, .. } => NodeKey::node(&self.topology, node),
            Peer::Host(_) => NodeKey::host(&self.topology),
        }
    }

    /// The links with their peers; every link has one.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&Link, &Peer)> {
        let links = self.links.iter();
        links.filter_map(|link| Some((link, link.peer.as_ref()?)))
    }

    /// The link of an interface.
    pub(crate) fn link(&self, interface: &InterfaceName) -> Option<&Link> {
        self.links.iter().find(|link| link.interface == *interface)
    }

    /// The MAC address of a link's end.
    pub(crate) fn mac(&self, link: &Link) -> MacAddress {
        let derived = || identity::mac(&self.topology, (self.node.as_str(), &link.interface));
        link.mac.unwrap_or_else(derived)
    }

    /// The ends of links in the pod, which is at `place`.
    pub(crate) fn ends(&self, place: Place) -> impl Fn(&Link) -> WireEnd {
        let group = Some(self.group());
        move |link| WireEnd {
            place: place.clone(),
            interface: link.interface.clone(),
            mac: self.mac(link),
            altname: identity::altname(&self.topology, (self.node.as_str(), &link.interface)),
            group,
            tuning: Box::new(link.tuning.clone().unwrap_or_default()),
        }
    }

    /// The group of the pod's ends.
    pub(crate) fn group(&self) -> u32 {
        identity::node_group(&self.topology, self.node.as_str())
    }

    /// The host's end of a link.
    pub(crate) fn host_end(&self, interface: &InterfaceName) -> WireEnd {
        WireEnd {
            place: Place::Host,
            interface: interface.clone(),
            mac: identity::mac(&self.topology, (HOST, interface)),
            altname: identity::altname(&self.topology, (HOST, interface)),
            group: None,
            tuning: Box::default(),
        }
    }

    /// The number of a link's wire.
    pub(crate) fn wire_group(&self, link: &Link, peer: &Peer) -> u32 {
        let (node, interface) = match peer {
            Peer::Node { node, interface } => (node.as_str(), interface),
            Peer::Host(interface) => (HOST, interface),
        };
        let own = (self.node.as_str(), &link.interface);
        identity::group(&self.topology, own, (node, interface))
    }

    /// What the pod's namespace is told once all its links are there.
    ///
    /// # Errors
    /// [`PodError::Plan`], which a pod that was read does not have.
    pub(crate) fn settings(&self) -> Result<Vec<Setting>, PodError> {
        setting::settings(&self.links, &self.forwarding).map_err(|source| PodError::Plan {
            pod: self.name.clone(),
            source,
        })
    }
}

/// `node NODE of topology TOPOLOGY (pod NAMESPACE/NAME)`.
impl fmt::Display for Pod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topology,
            node,
            name,
            ..
        } = self;
        write!(
            formatter,
            "node `{node}` of topology `{topology}` (pod {name})"
        )
    }
}

/// The MTU of a link, bytes.
pub(crate) fn mtu(link: &Link) -> u32 {
    link.mtu.unwrap_or(DEFAULT_MTU)
}
