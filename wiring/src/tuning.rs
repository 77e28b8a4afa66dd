//! What the hardware behind an interface is told, by [`crate::annotation::tuning`], and what it was before.

mod apply;
mod error;
mod online;
mod resolve;

pub use apply::Tuner;
pub use error::TuningError;
pub(crate) use online::check_online;
pub use resolve::{Mismatch, Tuned};
