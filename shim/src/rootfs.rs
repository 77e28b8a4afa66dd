//! The root filesystem of a container: the layers of its image below a directory of its own, by overlayfs (Linux'
//! Documentation/filesystems/overlayfs.rst). Mounted for as long as it takes to start the container, which then has it in
//! a mount namespace of its own; the host never sees the mount. Unpacks no image.

mod error;
mod names;

use std::ffi::CString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::user::Accounts;

pub use error::RootfsError;
pub(crate) use names::Names;
use names::write_names;

/// More of an account file is not read, in bytes.
const ACCOUNTS_MAX: u64 = 16 << 20;

/// A mounted root filesystem. Dropping it unmounts it.
#[derive(Debug)]
pub(crate) struct Rootfs {
    target: PathBuf,
    directory: OwnedFd,
    mounted: bool,
}

impl Rootfs {
    /// Mounts `layers`, the lowest first, below `writable/upper` at `target`, both of which it makes.
    ///
    /// # Errors
    /// [`RootfsError`]; nothing stays mounted.
    pub(crate) fn mount(
        layers: &[PathBuf],
        writable: &Path,
        target: &Path,
        names: Names<'_>,
    ) -> Result<Self, RootfsError> {
        let (upper, work) = (writable.join("upper"), writable.join("work"));
        // What a mount before this one left there would have overlayfs refuse the directory.
        let _ = std::fs::remove_dir_all(&work);
        for path in [&upper, &work, &target.to_owned()] {
            make_directories(path)?;
        }
        // Into the writable layer before it is mounted: no file of the image is copied up, no mount is needed.
        write_names(&upper, names)?;
        mount_overlay(layers, &upper, &work, target)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(target, flags, Mode::empty()) {
            Ok(directory) => Ok(Self {
                target: target.to_owned(),
                directory,
                mounted: true,
            }),
            Err(error) => {
                let _ = unmount(target);
                Err(RootfsError::Open {
                    path: "/".into(),
                    source: error.into(),
                })
            }
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.target
    }

    /// The accounts of the image; a missing file is an empty one.
    ///
    /// # Errors
    /// [`RootfsError::Open`].
    pub(crate) fn accounts(&self) -> Result<Accounts, RootfsError> {
        accounts(&self.directory)
    }

    /// Makes a directory of the container where there is none; symbolic links stay within the image.
    ///
    /// # Errors
    /// [`RootfsError::Open`].
    pub(crate) fn make_directory(&self, path: &Path) -> Result<(), RootfsError> {
        let error = |errno: rustix::io::Errno| RootfsError::Open {
            path: path.to_owned(),
            source: errno.into(),
        };
        let mut parent = open_in(
            &self.directory,
            Path::new("/"),
            OFlags::PATH | OFlags::DIRECTORY,
        )
        .map_err(error)?;
        let mut done = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else {
                continue;
            };
            done.push(name);
            parent = match open_in(&self.directory, &done, OFlags::PATH | OFlags::DIRECTORY) {
                Err(rustix::io::Errno::NOENT) => {
                    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
                        .map_err(error)?;
                    open_in(&self.directory, &done, OFlags::PATH | OFlags::DIRECTORY)
                        .map_err(error)?
                }
                result => result.map_err(error)?,
            };
        }
        Ok(())
    }

    /// Unmounts it from this namespace.
    ///
    /// # Errors
    /// [`RootfsError::Unmount`].
    pub(crate) fn unmount(mut self) -> Result<(), RootfsError> {
        self.mounted = false;
        unmount(&self.target)
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        if self.mounted {
            let _ = unmount(&self.target);
        }
    }
}

fn make_directories(path: &Path) -> Result<(), RootfsError> {
    let result = DirBuilder::new().recursive(true).mode(0o755).create(path);
    result.map_err(|source| RootfsError::Directory {
        path: path.to_owned(),
        source,
    })
}

fn mount_overlay(
    layers: &[PathBuf],
    upper: &Path,
    work: &Path,
    target: &Path,
) -> Result<(), RootfsError> {
    if layers.is_empty() {
        return Err(RootfsError::NoLayers);
    }
    // overlayfs wants the highest first.
    let lower_fds = layers
        .iter()
        .rev()
        .map(|layer| Shortcut::to(layer))
        .collect::<Result<Vec<_>, _>>()?;
    let lower: Vec<_> = lower_fds.iter().map(Shortcut::path).collect();
    let (upper_fd, work_fd) = (Shortcut::to(upper)?, Shortcut::to(work)?);
    // Volatile: what a node wrote need not survive a crash of the host, and unmounting does not wait for the disk.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},volatile",
        lower.join(":"),
        upper_fd.path(),
        work_fd.path()
    );
    let mounted = CString::new(options)
        .map_err(io::Error::other)
        .and_then(|options| {
            // No device of the image or of the writable layer is ever opened: a container's devices are in its /dev.
            Ok(rustix::mount::mount(
                "pinwire",
                target,
                "overlay",
                MountFlags::NODEV,
                Some(options.as_c_str()),
            )?)
        });
    mounted.map_err(|source| RootfsError::Mount {
        upper: upper.to_owned(),
        filesystem: filesystem(upper),
        source,
    })
}

/// A directory by its open descriptor: the options of a mount must fit in a page, and a comma or colon in a path would end
/// it there.
struct Shortcut(OwnedFd);

impl Shortcut {
    fn to(path: &Path) -> Result<Self, RootfsError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty());
        Ok(Self(fd.map_err(|error| RootfsError::Layer {
            path: path.to_owned(),
            source: error.into(),
        })?))
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

/// The name of the filesystem that a path is on, as far as it is one that refuses to hold a writable layer.
fn filesystem(path: &Path) -> String {
    match rustix::fs::statfs(path).map(|statfs| i128::from(statfs.f_type)) {
        Ok(0x794c_7630) => "overlayfs".into(),
        Ok(0x6969) => "NFS".into(),
        Ok(0x4d44) => "FAT".into(),
        Ok(number) => format!("a filesystem of type {number:#x} (statfs(2))"),
        Err(_) => "an unknown filesystem".into(),
    }
}

fn unmount(target: &Path) -> Result<(), RootfsError> {
    rustix::mount::unmount(target, UnmountFlags::DETACH).map_err(|error| RootfsError::Unmount {
        path: target.to_owned(),
        source: error.into(),
    })
}

/// The account files below an open root directory; a missing one is an empty one.
///
/// # Errors
/// [`RootfsError::Open`].
pub(crate) fn accounts(root: &OwnedFd) -> Result<Accounts, RootfsError> {
    Ok(Accounts {
        passwd: read_in(root, "/etc/passwd")?,
        group: read_in(root, "/etc/group")?,
    })
}

fn read_in(root: &OwnedFd, path: &str) -> Result<String, RootfsError> {
    let error = |source| RootfsError::Open {
        path: path.into(),
        source,
    };
    // NONBLOCK: an image may have a FIFO there.
    let file = match open_in(root, Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK) {
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(String::new()),
        result => File::from(result.map_err(|errno| error(errno.into()))?),
    };
    let mut bytes = Vec::new();
    file.take(ACCOUNTS_MAX)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn open_in(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat2(
        root,
        path,
        flags | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn account_files_are_read_within_the_image_only() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("own"), "web:x:33:33:::\n").unwrap();
        std::os::unix::fs::symlink("/own", root.path().join("etc/passwd")).unwrap();
        std::os::unix::fs::symlink(
            "../../../../../../etc/group",
            root.path().join("etc/group2"),
        )
        .unwrap();
        let fd = rustix::fs::open(root.path(), OFlags::PATH, Mode::empty()).unwrap();
        let accounts = accounts(&fd).unwrap();
        assert_eq!(accounts.passwd, "web:x:33:33:::\n");
        assert_eq!(accounts.group, "", "absent");
        assert_eq!(
            read_in(&fd, "/etc/group2").unwrap(),
            "",
            "the host's is out of reach"
        );
    }
}
