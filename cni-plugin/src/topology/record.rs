//! What is written down of a pod that is a node of a topology.

use serde::{Deserialize, Serialize};

use super::pod::Pod;
use pinwire_wiring::ledger;

/// A node, written down.
pub type Attachment = ledger::Attachment<Kind>;

/// What an attachment in topology mode is: a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A node of a topology.
    Node(Pod),
}

impl Kind {
    /// The pod that is the node.
    pub fn pod(&self) -> &Pod {
        let Self::Node(pod) = self;
        pod
    }
}
