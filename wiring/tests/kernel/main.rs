//! Tests that make real namespaces, links, addresses and routes, each in a sandbox of its own. They need root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod namespaces;
mod planes;
mod setting_errors;
mod settings;
mod topology;
mod tuning;
mod wires;
