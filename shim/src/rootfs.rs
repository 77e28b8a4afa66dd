//! The root filesystem of a container: the layers of its image below a directory of its own, by overlayfs (Linux'
//! Documentation/filesystems/overlayfs.rst). Mounted for as long as it takes to start the container, which then has it in
//! a mount namespace of its own; the host never sees the mount. Unpacks no image.

mod error;
mod names;

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sys::statfs::{FsType, MSDOS_SUPER_MAGIC, NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, statfs};
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::directory::Directory;
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
    directory: Directory,
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
        match Directory::open(target) {
            Ok(directory) => Ok(Self {
                target: target.to_owned(),
                directory,
                mounted: true,
            }),
            Err(source) => {
                let _ = unmount(target);
                Err(RootfsError::Open {
                    path: "/".into(),
                    source,
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
        let open = |path: &Path| open_in(&self.directory, path, OFlags::PATH | OFlags::DIRECTORY);
        let mut parent = open(Path::new("/")).map_err(error)?;
        let mut done = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else {
                continue;
            };
            done.push(name);
            parent = match open(&done) {
                Err(rustix::io::Errno::NOENT) => {
                    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
                        .map_err(error)?;
                    open(&done).map_err(error)?
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
    let lower = layers
        .iter()
        .rev()
        .map(|layer| open_layer(layer))
        .collect::<Result<Vec<_>, _>>()?;
    let (upper_directory, work) = (open_layer(upper)?, open_layer(work)?);
    let path = |directory: &Directory| directory.path().display().to_string();
    // Volatile: what a node wrote need not survive a crash of the host, and unmounting does not wait for the disk.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},volatile",
        lower.iter().map(path).collect::<Vec<_>>().join(":"),
        path(&upper_directory),
        path(&work)
    );
    // No device of the image or of the writable layer is ever opened: a container's devices are in its /dev.
    let (name, kind, flags) = (Some("pinwire"), Some("overlay"), MsFlags::MS_NODEV);
    let mounted = nix::mount::mount(name, target, kind, flags, Some(options.as_str()));
    mounted.map_err(|errno| RootfsError::Mount {
        upper: upper.to_owned(),
        filesystem: filesystem(upper),
        source: errno.into(),
    })
}

/// By their descriptors: the options of a mount must fit in a page, and a comma or colon in a path would end it there.
fn open_layer(path: &Path) -> Result<Directory, RootfsError> {
    Directory::open(path).map_err(|source| RootfsError::Layer {
        path: path.to_owned(),
        source,
    })
}

/// The name of the filesystem that a path is on, as far as it is one that refuses to hold a writable layer.
fn filesystem(path: &Path) -> String {
    match statfs(path).map(|statfs| statfs.filesystem_type()) {
        Ok(OVERLAYFS_SUPER_MAGIC) => "overlayfs".into(),
        Ok(NFS_SUPER_MAGIC) => "NFS".into(),
        Ok(MSDOS_SUPER_MAGIC) => "FAT".into(),
        Ok(FsType(number)) => format!("a filesystem of type {number:#x} (statfs(2))"),
        Err(_) => "an unknown filesystem".into(),
    }
}

fn unmount(target: &Path) -> Result<(), RootfsError> {
    umount2(target, MntFlags::MNT_DETACH).map_err(|errno| RootfsError::Unmount {
        path: target.to_owned(),
        source: errno.into(),
    })
}

/// The account files below an open root directory; a missing one is an empty one.
///
/// # Errors
/// [`RootfsError::Open`].
pub(crate) fn accounts(root: &Directory) -> Result<Accounts, RootfsError> {
    Ok(Accounts {
        passwd: read_in(root, "/etc/passwd")?,
        group: read_in(root, "/etc/group")?,
    })
}

fn read_in(root: &Directory, path: &str) -> Result<String, RootfsError> {
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

fn open_in(root: &Directory, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
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
        let fd = Directory::open(root.path()).unwrap();
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
