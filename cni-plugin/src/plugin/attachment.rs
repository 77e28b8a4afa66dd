//! What an attachment of the plugin is, of either mode: read by the verbs, which hand it on to its mode.

use serde::{Deserialize, Serialize};

use crate::{attach, topology};
use pinwire_wiring::ledger;

/// An attachment, as it was written down.
pub type Attachment = ledger::Attachment<Kind>;

/// What an attachment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kind {
    /// An interface that a runtime asked for.
    Attached(attach::record::Kind),
    /// A node of a topology.
    Joined(topology::record::Kind),
}

/// An attachment of one mode.
pub(crate) enum Mode {
    Attached(attach::record::Attachment),
    Joined(topology::record::Attachment),
}

impl Mode {
    /// The mode of an attachment.
    pub(crate) fn of(attachment: Attachment) -> Self {
        let ledger::Attachment { name, netns, kind } = attachment;
        match kind {
            Kind::Attached(kind) => Self::Attached(ledger::Attachment { name, netns, kind }),
            Kind::Joined(kind) => Self::Joined(ledger::Attachment { name, netns, kind }),
        }
    }
}
