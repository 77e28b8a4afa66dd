//! Layers as overlayfs reads them and as tar streams, and the way from each to the other.
//!
//! Both know the two forms of a deletion: `.wh.NAME` and `.wh..wh..opq` in a tar stream (OCI image specification,
//! layer.md), a character device 0:0 and `trusted.overlay.opaque` in a directory (overlayfs(5), "whiteouts and opaque
//! directories").

mod attributes;
mod pack;
mod size;
mod unpack;

pub use unpack::Limits;

pub(super) use pack::{header, pack};
pub(super) use size::bytes;
pub(super) use unpack::unpack;

/// What the name of a deleted file begins with, in a tar stream.
const WHITEOUT: &str = ".wh.";
/// The name that hides all that lower layers have in its directory, in a tar stream.
const OPAQUE: &str = ".wh..wh..opq";
/// The extended attribute that does the same in a directory, its value being `y`.
const OPAQUE_ATTRIBUTE: &str = "trusted.overlay.opaque";
/// What the key of an extended attribute begins with in a pax header (star's convention, followed by all).
const ATTRIBUTE_KEY: &str = "SCHILY.xattr.";
