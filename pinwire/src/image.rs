//! Images: a store of unpacked layers on this host, fed from archives and from the built-in node image.
//!
//! Below the data directory, `images/index.json` maps references to images and `layers/SHA256` holds each layer's
//! files, unpacked once and shared by every container as a lower directory of an overlay. Nothing here speaks to a
//! registry: what is not in the store is an error that says how to import it.

mod archive;
mod digest;
mod error;
mod export;
mod import;
mod index;
mod layer;
mod limit;
mod node;
mod partial;
mod platform;
mod reference;
mod store;
#[cfg(test)]
mod tests;

pub use digest::Digest;
pub use error::ImageError;
pub use layer::Limits;
pub use node::{NODE_IMAGE, NodeImage};
pub use reference::Reference;
pub use store::{Image, Reclaimed, Store, Summary};
