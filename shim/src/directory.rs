//! A directory by its open descriptor: it stays the same one whatever becomes of its path and of the mounts on the way.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// An open directory. Its files are reached through it, but not listed (`O_PATH`).
#[derive(Debug)]
pub(crate) struct Directory(File);

impl Directory {
    /// Opens the directory at a path.
    ///
    /// # Errors
    /// Those of open(2).
    pub(crate) fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = File::options();
        options
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY);
        options.open(path).map(Self)
    }

    /// A path that leads to it in this process, and is short and without any character that a mount option would stumble
    /// over.
    pub(crate) fn path(&self) -> PathBuf {
        by_descriptor(self)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The path that leads to whatever a descriptor of this process stands for.
pub(crate) fn by_descriptor(fd: &impl AsFd) -> PathBuf {
    Path::new("/proc/self/fd").join(fd.as_fd().as_raw_fd().to_string())
}
