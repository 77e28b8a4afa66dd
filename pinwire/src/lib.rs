//! Turns pod manifests into networks of containers on this host.
//!
//! What the `pinwire` command is made of; a library so that tests reach its parts. `docs/architecture.md` draws the whole.

pub mod change;
pub mod check;
pub mod cli;
pub mod command;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod failure;
pub mod generate;
pub mod graph;
pub mod image;
pub mod inspect;
pub mod interrupt;
mod manifest;
pub mod output;
pub mod paths;
pub mod plan;
pub mod pools;
pub mod probe;
pub mod record;
pub mod schema;
pub mod target;
pub mod topology;
pub mod vf;
