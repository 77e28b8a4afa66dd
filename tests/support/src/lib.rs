//! What the tests of all packages share. For development only: nothing that is installed depends on it.
//!
//! - [`skip`]: the one rule for a test that cannot run here.
//! - [`sandbox`]: namespaces of a test's own, which must be left as they were; [`directory`]: its files in there.
//! - [`snapshot`]: all that a test could leave over, a line each.
//! - [`wait`]: conditions that come true soon.
//! - [`command`] and [`inside`]: programs, on the test's host and in a network namespace; ip(8) with its JSON.
//! - [`call`]: one call of the plugin, as a runtime makes it; [`error`]: errors as a user reads them.
//!
//! Not here: what only one suite does, and anything that decides what is right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod call;
pub mod command;
pub mod directory;
pub mod error;
pub mod inside;
pub mod sandbox;
pub mod skip;
pub mod snapshot;
pub mod wait;
