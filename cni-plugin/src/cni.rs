//! What CNI says: environment, configuration, arguments, results and versions, and how an IPAM plugin is called. What is done
//! with that is for [`crate::plugin`].

pub mod arguments;
pub mod configuration;
pub mod container;
pub mod delegate;
pub mod environment;
mod error;
pub mod ipam;
pub mod json;
pub(crate) mod log;
pub(crate) mod previous;
pub mod result;
pub mod version;

pub use container::ContainerError;
pub use error::ConfigurationError;
pub use ipam::IpamError;
