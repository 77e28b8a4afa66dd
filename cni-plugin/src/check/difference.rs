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
    /// A setting of an end does not stand.
    #[error("{}", lost(.end, .setting))]
    Lost {
        end: Box<WireEnd>,
        setting: Box<Setting>,
    },
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

/// What of an end is lost, in the words of ip(8).
fn lost(end: &WireEnd, setting: &Setting) -> String {
    match setting {
        Setting::Address { address, .. } => format!("{end} has lost the address {address}"),
        Setting::Route(route) => {
            format!("the route to {} by {end} is gone or has changed", route.to)
        }
        other => format!("the setting `{other}` of {end} is lost"),
    }
}
