//! Tests of the executable by its protocol: environment and standard input in, JSON, exit code and the kernel's state
//! out, in namespaces of their own. They need root, and Debian's `containernetworking-plugins` for host-local.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod call;
#[path = "../../../tests/fuzz/call.rs"]
mod call_of_fuzzer;
mod collection;
mod deletion;
mod disagreement;
mod documentation;
mod ends;
mod faults;
mod functions;
mod input;
mod interface;
mod ipam;
mod journal;
mod lab;
mod masquerade;
mod mutated;
mod mutations;
mod netavark;
mod parallel;
mod previous;
mod table;
mod topology;
mod tuning;
