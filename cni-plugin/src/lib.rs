//! The wiring library of Pinwire: network namespaces, veth pairs born in place, what a node's namespace is told, and
//! what is found there.
//!
//! The order of use: [`netns::Netns::create`] makes a node's namespace, [`wire::create`] the pairs between namespaces,
//! [`setting::settings`] plans what one namespace is told, [`setting::apply`] tells it, [`observe::observe`] reads it
//! back. None of that knows of manifests, containers or saved state; [`plugin`], the CNI plugin, is built upon it, and
//! [`netavark`], the driver for podman's networks, upon the plugin.

mod batch;
pub mod cpu;
mod ethtool;
pub mod identity;
mod inside;
pub mod links;
pub mod name;
pub mod netavark;
pub mod netlink;
pub mod netns;
pub mod observe;
mod plane;
pub mod plugin;
mod procfs;
mod refusal;
pub mod rule;
pub mod setting;
mod syscall;
pub mod sysctl;
pub mod tuning;
mod veth;
pub mod vf;
pub mod wire;
