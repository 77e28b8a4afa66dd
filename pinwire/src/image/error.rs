//! What can go wrong with images, one variant per step.

use std::io;
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;

use super::digest::Digest;

/// Why an image could not be found, read, written or removed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ImageError {
    /// A system call on a file failed.
    #[error("{call} {}", path.display())]
    Io {
        /// The system call or step.
        call: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A reference cannot be parsed.
    #[error("{0}")]
    Reference(String),
    /// The store holds no such image.
    #[error(
        "no image {reference} on this host; Pinwire pulls nothing: save it where you have it \
         (`docker save -o image.tar {reference}` or `podman save -o image.tar {reference}`), then `pinwire image import image.tar`"
    )]
    NotFound { reference: String },
    /// An image's layer is missing from the store.
    #[error("image {reference} has lost its layer {}: import it again", path.display())]
    LayerLost {
        reference: String,
        /// Where the layer should be.
        path: PathBuf,
    },
    /// A layer that would be removed is in use.
    #[error("image {reference} is in use: its layer {} is the root of a running container", path.display())]
    InUse { reference: String, path: PathBuf },
    /// The index cannot be parsed.
    #[error("index {} is damaged", path.display())]
    Index {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// The index was written by a later Pinwire.
    #[error("index {} has version {version}: this Pinwire reads version {}", path.display(), super::index::VERSION)]
    IndexVersion { path: PathBuf, version: u32 },
    /// The program of the node image was not found.
    #[error(
        "pinwire-node was not found, of which the node image is made: set PINWIRE_NODE, or install it at one of {searched}"
    )]
    NodeProgram { searched: String },
    /// The program of the node image needs a dynamic linker, which the image lacks.
    #[error("{} is not a statically linked ELF executable: the node image holds no libraries for it", path.display())]
    NodeProgramDynamic { path: PathBuf },
    /// BusyBox did not list its applets.
    #[error("{} --list failed: {reason}", path.display())]
    Applets {
        path: PathBuf,
        /// Its exit status or output.
        reason: String,
    },
    /// The file is no image archive.
    #[error("{} is no image: {reason}", path.display())]
    NotAnImage { path: PathBuf, reason: String },
    /// The archive does not name its image.
    #[error("{} does not tell its image's name, or no more than a tag: give it one with --name", path.display())]
    Nameless { path: PathBuf },
    /// A name was given for an archive of several images.
    #[error("{} holds {count} images: --name can name only one", path.display())]
    SeveralImages { path: PathBuf, count: usize },
    /// A document of the image cannot be parsed.
    #[error("{what} is not valid")]
    Document {
        what: String,
        source: serde_json::Error,
    },
    /// A blob of the image is not in the archive.
    #[error("{what} is missing: the archive is incomplete")]
    BlobMissing { what: String },
    /// A blob's content does not have its digest.
    #[error("{what} is corrupt: its digest is {found} where {expected} was promised")]
    Corrupt {
        what: String,
        expected: Digest,
        found: Digest,
    },
    /// A blob's length differs from what the image says.
    #[error("{what} is corrupt: it has {found} bytes where {expected} were promised")]
    Length {
        what: String,
        /// Bytes that the image promises.
        expected: u64,
        found: u64,
    },
    /// The image offers nothing for this host.
    #[error("the image is not for this host, {wanted}: it offers {offered}")]
    Platform { wanted: String, offered: String },
    /// Something of the image that this Pinwire does not know.
    #[error("{what} is not supported")]
    Unsupported { what: String },
    /// A limit on what an archive may hold was exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        what: String,
        /// The limit with its unit.
        limit: String,
    },
    /// An entry of a layer was refused, because it points out of the layer.
    #[error("layer entry `{entry}` is refused: {reason}")]
    Entry {
        /// The entry's path as the layer writes it.
        entry: String,
        reason: String,
    },
}

impl ImageError {
    /// For `map_err` of reading or writing a document.
    pub(super) fn document(what: &str) -> impl Fn(serde_json::Error) -> Self {
        move |source| Self::Document {
            what: what.to_owned(),
            source,
        }
    }
}

/// What the specification's types refuse.
impl From<OciSpecError> for ImageError {
    fn from(error: OciSpecError) -> Self {
        Self::Unsupported {
            what: error.to_string(),
        }
    }
}

/// Names the system call and its object in the error of an I/O operation.
pub(super) trait At<T> {
    /// `call` is the system call or step, `path` its object.
    fn at(self, call: &'static str, path: &Path) -> Result<T, ImageError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, call: &'static str, path: &Path) -> Result<T, ImageError> {
        self.map_err(|source| ImageError::Io {
            call,
            path: path.to_owned(),
            source: source.into(),
        })
    }
}
