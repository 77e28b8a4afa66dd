//! `cnitool`, the command of the CNI reference library, with the real plugin: alone, chained with Debian's plugins, and
//! by the configurations that ship. What runtimes do with a configuration, the library does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod host;
mod k3s;
#[path = "../../cni-plugin/tests/conformance/lab.rs"]
mod lab;
mod reference;
mod shipped;
mod topology;
