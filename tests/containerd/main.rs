//! Pods on the real containerd, by its container runtime interface, as a kubelet runs them: every test has a machine of
//! its own, with a network, mounts and process numbers that no other test sees, and asserts that nothing is left over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod cri;
mod documentation;
mod isolation;
mod machine;
mod pod;
mod residue;
mod wires;
