//! The real `pinwire` on this machine, from manifests to packets: every test has a network and mount namespace, state and
//! data of its own, and asserts that nothing is left over.

#![expect(
    clippy::unwrap_used,
    reason = "a test that finds something else than it expects ends"
)]

mod bad_input;
mod change;
mod commands;
mod concurrency;
mod crash;
mod host;
mod topologies;
