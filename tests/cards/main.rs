//! The real `pinwire` on real cards (igb and igbvf), in the lab machine: `tests/lab/run` with this executable. From manifests
//! to packets over virtual functions, and each of them as it was afterwards.
//!
//! They need two cards with seven virtual functions each whose ports are joined by a cable, and change all of them. Outside
//! the lab machine they fail: `cargo test` does not run them by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod crash;
mod host;
#[path = "../../cni-plugin/tests/vf/machine.rs"]
mod machine;
mod pools;
mod readme;
mod tuning;
mod vf;
mod vfio;
