//! What is written down of an attached interface.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::vf::VfPlan;
use crate::cni::delegate::Delegate;
use pinwire_wiring::ledger;

/// An attached interface, written down.
pub type Attachment = ledger::Attachment<Kind>;

/// What an attached interface is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and most are of the large kind"
)]
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
}

impl Kind {
    /// What an end of a link is that `pinwire up` attaches: what else its interface is told, is not the plugin's to know.
    pub fn vf() -> Self {
        Self::Function {
            plan: VfPlan::default(),
            delegate: None,
        }
    }

    /// Where the addresses are from.
    pub(crate) fn delegate(&self) -> Option<&Delegate> {
        match self {
            Self::Interface { delegate, .. } | Self::Function { delegate, .. } => delegate.as_ref(),
        }
    }
}
