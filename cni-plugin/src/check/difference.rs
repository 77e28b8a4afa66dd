//! What CHECK can find.

use crate::topology::pod::Pod;
use pinwire_wiring::allocation::VfDifference;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::tuning::Mismatch;
use pinwire_wiring::wire::{EndDifference, WireEnd};

/// Something that is not as it was attached.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Difference {
    /// The namespace is another one.
    #[error("{netns} is not the network namespace that the container was attached in")]
    Namespace { netns: String },
    /// A virtual function.
    #[error(transparent)]
    Vf(#[from] VfDifference),
    /// An end of a wire.
    #[error(transparent)]
    End(#[from] EndDifference),
    /// A setting does not stand.
    #[error("the container's or the host's network namespace has lost the setting `{setting}`")]
    Lost { setting: Box<Setting> },
    /// A setting of a node does not stand.
    #[error("{pod} has lost the setting `{setting}`")]
    Setting {
        pod: Box<Pod>,
        setting: Box<Setting>,
    },
    /// An interface is tuned to something else.
    #[error("{what} has {} instead of {} as `tuning.{}`", mismatch.found, mismatch.wanted, mismatch.key)]
    Tuning { what: String, mismatch: Mismatch },
    /// `prevResult` lacks the interface.
    #[error("prevResult does not have {end}")]
    Result { end: Box<WireEnd> },
}
