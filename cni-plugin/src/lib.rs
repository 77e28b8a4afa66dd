//! The wiring library of Pinwire: network namespaces, veth pairs born in place, what a node's namespace is told, and
//! what is found there.
//!
//! The order of use: [`netns::Netns::create`] makes a node's namespace, [`wire::create`] the pairs between namespaces,
//! [`setting::settings`] plans what one namespace is told, [`setting::apply`] tells it, [`observe::observe`] reads it
//! back. None of that knows of manifests, containers or saved state; [`plugin`], the CNI plugin, is built upon it, and
//! [`netavark`], the driver for podman's networks, upon the plugin.

pub mod allocation;
pub mod annotation;
pub mod attach;
pub mod check;
pub mod cni;
pub mod fault;
pub mod identity;
pub mod kernel;
pub mod ledger;
pub mod machine;
pub mod name;
pub mod netavark;
pub mod observe;
pub mod plane;
pub mod setting;
pub mod topology;
pub mod tuning;
pub mod vf;
pub mod wire;
