//! What the hardware behind an interface is told, by [`crate::annotation::tuning`], and what it was before.

mod apply;
mod error;
mod interrupt;
mod resolve;

pub use apply::Tuner;
pub use error::TuningError;
pub use interrupt::Interrupts;
pub use resolve::{Mismatch, Tuned};
