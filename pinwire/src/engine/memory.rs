//! The directory of a topology's state: a tmpfs of its own, whatever file system is below it. One unmount drops the mounted
//! network namespaces, the writable layers and the record all at once, nothing of a running node ever waits for a disk, and
//! nothing outlives a reboot. Private, so that no other mount namespace keeps a copy of the mounts in it (and of the
//! networks).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::error::FileError;

/// Makes the directory and mounts a tmpfs on it, unless that is done already.
///
/// # Errors
/// What mkdir(2) or mount(2) said.
pub(super) fn make(directory: &Path) -> Result<(), FileError> {
    fs::create_dir_all(directory).map_err(FileError::on("create", directory))?;
    if !is_mounted(directory).map_err(FileError::on("read", directory))? {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let (name, kind, options) = (Some("pinwire"), Some("tmpfs"), Some("mode=0755"));
        mount(name, directory, kind, flags, options)
            .map_err(FileError::on("mount a tmpfs at", directory))?;
    }
    let none = None::<&str>;
    mount(none, directory, none, MsFlags::MS_PRIVATE, none)
        .map_err(FileError::on("make private", directory))
}

/// Unmounts the directory with all namespaces in it and removes it; one that is not there is no error.
///
/// # Errors
/// What umount2(2) or rmdir(2) said.
pub(super) fn drop_all(directory: &Path) -> Result<(), FileError> {
    loop {
        match umount2(directory, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            Err(Errno::EINVAL) => break,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(FileError::on("unmount", directory)(errno)),
        }
    }
    fs::remove_dir(directory).map_err(FileError::on("remove", directory))
}

/// Whether a file system is mounted at the directory: it is on another device than its parent.
fn is_mounted(directory: &Path) -> io::Result<bool> {
    let parent = directory.parent().unwrap_or(directory);
    Ok(fs::metadata(directory)?.dev() != fs::metadata(parent)?.dev())
}
