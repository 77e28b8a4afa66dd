//! The wiring library of Pinwire: what is done to this host. Network namespaces, veth pairs born in place, virtual functions,
//! what a node's namespace is told, and what is written down of all that.
//!
//! Its rooms, from the lowest: [`name`] and [`identity`]; [`kernel`], the seams; [`machine`], what sysfs shows;
//! [`annotation`], what people write; [`wire`], [`vf`], [`tuning`], [`plane`] and [`setting`], what follows from that;
//! [`observe`], what is found; [`ledger`], what is remembered, and [`allocation`], who gets which virtual function.
//!
//! The order of use: [`kernel::netns::Netns::create`] makes a node's namespace, [`wire::create`] the pairs between
//! namespaces, [`setting::settings`] plans what one namespace is told, [`setting::apply`] tells it, [`observe::observe`]
//! reads it back. None of that knows of CNI, manifests or containers.

pub mod allocation;
pub mod annotation;
pub mod error;
pub mod fault;
pub mod identity;
pub mod kernel;
pub mod ledger;
pub mod machine;
pub mod name;
pub mod observe;
pub mod plane;
pub mod setting;
pub mod tuning;
pub mod vf;
pub mod wire;
