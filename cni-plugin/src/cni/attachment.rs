//! What an attachment of the plugin is: one interface, or a node of a topology. It is written down as this.

use serde::{Deserialize, Serialize};

use super::delegate::Delegate;
use crate::attach::Plan;
use crate::attach::vf::VfPlan;
use crate::topology::pod::Pod;
use pinwire_wiring::ledger;

/// An attachment of the plugin.
pub type Attachment = ledger::Attachment<Kind>;

/// What an attachment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// One interface with a peer in the host's namespace.
    Interface {
        /// The interface and what it is told.
        plan: Plan,
        /// Where its addresses are from.
        delegate: Option<Delegate>,
    },
    /// One interface that is a virtual function, which [`ledger::State::holdings_of`] knows.
    Function {
        /// Addresses and routes of the interface.
        plan: VfPlan,
        /// Where its addresses are from.
        delegate: Option<Delegate>,
    },
    /// A node of a topology.
    Node(Pod),
}

impl Kind {
    /// What an end of a link is that `pinwire up` attaches: what else its interface is told, is not the plugin's to know.
    pub fn vf() -> Self {
        Self::Function {
            plan: VfPlan::default(),
            delegate: None,
        }
    }

    /// The node of a topology that the attachment is.
    pub fn pod(&self) -> Option<&Pod> {
        match self {
            Self::Node(pod) => Some(pod),
            Self::Interface { .. } | Self::Function { .. } => None,
        }
    }

    /// Whether the attachment may hold virtual functions.
    pub(crate) fn may_hold(&self) -> bool {
        match self {
            Self::Function { .. } => true,
            Self::Interface { .. } => false,
            Self::Node(pod) => pod.has_vfs(),
        }
    }
}
