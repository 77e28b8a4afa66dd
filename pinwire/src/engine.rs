//! Carries plans out and undoes them: the only part of the command that changes the host.
//!
//! [`Up`] and [`tear_down`] are the two operations; [`observe()`] looks. Everything that a topology consists of is below paths
//! and names that follow from the topology's name, so [`tear_down`] finds it with or without a record.

mod devices;
mod down;
mod execute;
mod memory;
mod observe;
pub mod parallel;
pub mod process;
mod progress;
mod up;
mod vf;

pub use down::{DEFAULT_GRACE, LeftBehind, tear_down};
pub use execute::StepError;
pub use observe::{ObserveError, look_at, look_at_host, observe};
pub use progress::{Progress, Timing};
pub use up::{Up, UpError, UpReport};
pub use vf::{AttachError, DetachError};
