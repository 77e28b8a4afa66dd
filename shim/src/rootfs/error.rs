//! Why a root filesystem cannot be made.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// A root filesystem that cannot be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum RootfsError {
    /// A directory cannot be made.
    #[error("failed to make the directory {} (mkdir)", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// A layer of the image is not there.
    #[error("failed to open the layer {} of the image", path.display())]
    Layer { path: PathBuf, source: io::Error },
    /// The image has no layers.
    #[error("the image has no layers")]
    NoLayers,
    /// A file of the writable layer cannot be written.
    #[error("failed to write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// overlayfs refuses the directories.
    #[error("failed to mount overlayfs with the writable layer {} on {filesystem} (mount){}", upper.display(), hint(source))]
    Mount {
        upper: PathBuf,
        /// What filesystem it is on.
        filesystem: String,
        source: io::Error,
    },
    /// It cannot be unmounted.
    #[error("failed to unmount {} (umount2)", path.display())]
    Unmount { path: PathBuf, source: io::Error },
    /// A path of the image cannot be read or made.
    #[error("failed to open {} of the image (openat2)", path.display())]
    Open {
        /// The path in the image.
        path: PathBuf,
        source: io::Error,
    },
}

/// EINVAL is all that the kernel says of a filesystem that cannot hold a writable layer.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidInput => {
            ": it needs extended attributes and d_type, so put it on ext4, xfs, btrfs or tmpfs"
        }
        _ => "",
    }
}
