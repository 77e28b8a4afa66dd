//! The directory of a topology's state: a tmpfs of its own, whatever file system is below it. One unmount drops the mounted
//! network namespaces, the writable layers and the record all at once, nothing of a running node ever waits for a disk, and
//! nothing outlives a reboot. Private, so that no other mount namespace keeps a copy of the mounts in it (and of the
//! networks).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Why the directory could not be made or dropped.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub struct MemoryError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<E: Into<io::Error>>(verb: &'static str, path: &Path) -> impl FnOnce(E) -> MemoryError {
    let path = path.to_owned();
    move |error| MemoryError {
        verb,
        path,
        source: error.into(),
    }
}

/// Makes the directory and mounts a tmpfs on it, unless that is done already.
///
/// # Errors
/// What mkdir(2) or mount(2) said.
pub(super) fn make(directory: &Path) -> Result<(), MemoryError> {
    fs::create_dir_all(directory).map_err(failed("create", directory))?;
    if !is_mounted(directory).map_err(failed("read", directory))? {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(
            Some("pinwire"),
            directory,
            Some("tmpfs"),
            flags,
            Some("mode=0755"),
        )
        .map_err(failed("mount a tmpfs at", directory))?;
    }
    mount(
        None::<&str>,
        directory,
        None::<&str>,
        MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(failed("make private", directory))
}

/// Unmounts the directory with all namespaces in it and removes it; one that is not there is no error.
///
/// # Errors
/// What umount2(2) or rmdir(2) said.
pub(super) fn drop_all(directory: &Path) -> Result<(), MemoryError> {
    loop {
        match umount2(directory, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            Err(Errno::EINVAL) => break,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(failed("unmount", directory)(errno)),
        }
    }
    fs::remove_dir(directory).map_err(failed("remove", directory))
}

/// Whether a file system is mounted at the directory: it is on another device than its parent.
fn is_mounted(directory: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let parent = directory.parent().unwrap_or(directory);
    Ok(fs::metadata(directory)?.dev() != fs::metadata(parent)?.dev())
}
