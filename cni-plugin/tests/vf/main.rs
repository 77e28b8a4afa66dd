//! Tests of virtual functions on real drivers (igb and igbvf), in the lab machine: `tests/lab/run` with this executable.
//!
//! They need two cards with seven virtual functions each whose ports are joined by a cable, and change all of them. Outside
//! the lab machine they fail: `cargo test` does not run them by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attributes;
mod call;
mod difference;
mod inventory;
mod machine;
mod messages;
mod parallel;
mod recovery;
mod reset;
mod traffic;
mod tuning;
mod vfio;
mod wire;
