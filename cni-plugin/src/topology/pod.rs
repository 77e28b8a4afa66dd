//! A pod as a node of a topology: from its annotations to a typed, validated value. Pure.
//!
//! What is wrong with it by itself, and whether its neighbours agree, is for [`pinwire_wiring::annotation::rule`].

use std::fmt;

use serde::{Deserialize, Serialize};

use pinwire_wiring::annotation::rule::default::NoPool;
use pinwire_wiring::annotation::rule::{Finding, default};
use pinwire_wiring::annotation::{
    Forwarding, Link, NODE, Peer, Pool, Pools, TOPOLOGY, VfOptions, rule,
};
use pinwire_wiring::ledger::NodeKey;
use pinwire_wiring::name::{InterfaceName, NodeName, TopologyName};
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, WireEnd};
use pinwire_wiring::{identity, setting, wire};

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
    /// There are links, but no topology.
    #[error("pod {pod} has the annotation `{annotation}`, but not `{TOPOLOGY}`")]
    NoTopology {
        /// The pod.
        pod: String,
        /// The annotation.
        annotation: &'static str,
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
    /// What they say cannot be.
    #[error("the annotations of pod {pod} are wrong at `{}`: {finding}", finding.place)]
    Rule {
        /// The pod.
        pod: String,
        /// What is wrong, where.
        finding: Box<Finding>,
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

    /// The pod as rules look at it, by a number of the caller's.
    pub(crate) fn rules(&self, index: usize) -> rule::Node<'_> {
        rule::Node {
            index,
            topology: Some(&self.topology),
            name: &self.node,
            links: &self.links,
            forwarding: &self.forwarding,
        }
    }

    /// The ends of links in the pod, which is at `place`.
    pub fn ends(&self, place: Place) -> impl Fn(&Link) -> WireEnd {
        let group = Some(self.group());
        move |link| wire::node_end(&self.topology, &self.node, link, place.clone(), group)
    }

    /// The group of the pod's ends.
    pub(crate) fn group(&self) -> u32 {
        identity::node_group(&self.topology, self.node.as_str())
    }

    /// The host's end of a link.
    pub fn host_end(&self, interface: &InterfaceName) -> WireEnd {
        wire::host_end(&self.topology, interface)
    }

    /// The number of a link's wire.
    pub fn wire_group(&self, link: &Link, peer: &Peer) -> u32 {
        wire::group(&self.topology, &self.node, link, peer)
    }

    /// What the virtual function of a link is told, and the pool that it is from.
    ///
    /// # Errors
    /// [`NoPool`].
    pub fn function<'a>(
        &self,
        link: &Link,
        pools: &'a Pools,
    ) -> Result<(VfOptions, &'a Pool), NoPool> {
        default::function(link, self.forwarding.plane, pools)
    }

    /// What the pod's namespace is told once all its links are there.
    pub fn settings(&self) -> Vec<Setting> {
        setting::settings(&self.links, &self.forwarding)
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
