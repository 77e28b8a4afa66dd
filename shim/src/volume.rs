//! The mounts of a pod's volumes: checks or makes what is to be mounted, and says it in the terms of the OCI runtime
//! specification. Mounts nothing itself.

use std::fs::{self, DirBuilder, File, FileType, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use oci_spec::OciSpecError;
use oci_spec::runtime::MountBuilder;

use crate::workload::{HostPath, Mount, MountSource};

/// Where the directories of a pod's emptyDir volumes are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directories<'a> {
    /// On disk, or wherever the pod's files are.
    pub(crate) disk: &'a Path,
    /// On a tmpfs, for `medium: Memory`.
    pub(crate) memory: &'a Path,
}

/// A volume that cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumeError {
    /// The directory of a volume cannot be made.
    #[error("failed to make the directory {} of the volume `{volume}` (mkdir)", path.display())]
    Directory {
        volume: String,
        path: PathBuf,
        source: io::Error,
    },
    /// A volume in memory would be on disk.
    #[error("the volume `{volume}` is to be in memory, but {} is not on a tmpfs", path.display())]
    NotInMemory { volume: String, path: PathBuf },
    /// The path of the host cannot be looked at or made.
    #[error("failed to prepare {} of the host for the mount at {}", path.display(), destination.display())]
    Host {
        path: PathBuf,
        destination: PathBuf,
        source: io::Error,
    },
    /// The path of the host is something else.
    #[error("{} of the host is no {wanted}, which the mount at {} asks for", path.display(), destination.display())]
    Kind {
        path: PathBuf,
        destination: PathBuf,
        /// What it was to be.
        wanted: &'static str,
    },
    /// The specification cannot express it.
    #[error("failed to describe the mount at {}", destination.display())]
    Describe {
        destination: PathBuf,
        source: OciSpecError,
    },
}

/// The mount of the specification for a mount of the pod, whose source exists then.
///
/// # Errors
/// [`VolumeError`].
pub(crate) fn prepare(
    mount: &Mount,
    directories: Directories<'_>,
) -> Result<oci_spec::runtime::Mount, VolumeError> {
    let source = match &mount.source {
        MountSource::Host { path, kind } => {
            check(path, *kind, &mount.destination)?;
            path.clone()
        }
        MountSource::Empty { volume, memory } => empty(volume, *memory, directories)?,
    };
    let access = if mount.read_only { "ro" } else { "rw" };
    MountBuilder::default()
        .destination(&mount.destination)
        .typ("bind")
        .source(source)
        .options(["rbind", "rprivate", access].map(str::to_owned).to_vec())
        .build()
        .map_err(|source| VolumeError::Describe {
            destination: mount.destination.clone(),
            source,
        })
}

/// The directory of an emptyDir, open to every user as Kubernetes has it; the containers of a pod share it.
fn empty(volume: &str, memory: bool, directories: Directories<'_>) -> Result<PathBuf, VolumeError> {
    let parent = if memory {
        directories.memory
    } else {
        directories.disk
    };
    let path = parent.join(volume);
    let error = |source| VolumeError::Directory {
        volume: volume.to_owned(),
        path: path.clone(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .create(&path)
        .map_err(error)?;
    fs::set_permissions(&path, Permissions::from_mode(0o777)).map_err(error)?;
    let filesystem = statfs(&path).map_err(|errno| error(errno.into()))?;
    if memory && filesystem.filesystem_type() != TMPFS_MAGIC {
        return Err(VolumeError::NotInMemory {
            volume: volume.to_owned(),
            path,
        });
    }
    Ok(path)
}

fn check(path: &Path, kind: HostPath, destination: &Path) -> Result<(), VolumeError> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(path, kind),
        found => found.map(|metadata| Some(metadata.file_type())),
    };
    let (path, destination) = (path.to_owned(), destination.to_owned());
    match (found, wanted(kind)) {
        (Err(source), _) => Err(VolumeError::Host {
            path,
            destination,
            source,
        }),
        (Ok(Some(found)), Some((is_right, wanted))) if !is_right(&found) => {
            Err(VolumeError::Kind {
                path,
                destination,
                wanted,
            })
        }
        (Ok(_), _) => Ok(()),
    }
}

/// Makes what is not there, if it may be made; `None` says that it was.
fn make(path: &Path, kind: HostPath) -> io::Result<Option<FileType>> {
    match kind {
        HostPath::DirectoryOrCreate => {
            DirBuilder::new().recursive(true).mode(0o755).create(path)?;
        }
        HostPath::FileOrCreate => {
            File::options()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(path)?;
        }
        _ => return Err(ErrorKind::NotFound.into()),
    }
    Ok(None)
}

type Wanted = (fn(&FileType) -> bool, &'static str);

/// How to tell that a file is what was asked for, and what that is called; `None` where anything is.
fn wanted(kind: HostPath) -> Option<Wanted> {
    match kind {
        HostPath::Any => None,
        HostPath::DirectoryOrCreate | HostPath::Directory => Some((FileType::is_dir, "directory")),
        HostPath::FileOrCreate | HostPath::File => Some((FileType::is_file, "regular file")),
        HostPath::Socket => Some((FileType::is_socket, "UNIX socket")),
        HostPath::CharDevice => Some((FileType::is_char_device, "character device")),
        HostPath::BlockDevice => Some((FileType::is_block_device, "block device")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn host_paths_are_checked_and_made_by_their_type() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let to = Path::new("/to");
        for (name, path, kind, right) in [
            ("a file", at("file"), HostPath::File, true),
            (
                "a file is no directory",
                at("file"),
                HostPath::Directory,
                false,
            ),
            ("a socket", at("socket"), HostPath::Socket, true),
            (
                "a socket is no file",
                at("socket"),
                HostPath::FileOrCreate,
                false,
            ),
            ("a device", "/dev/null".into(), HostPath::CharDevice, true),
            (
                "a character device is no block device",
                "/dev/null".into(),
                HostPath::BlockDevice,
                false,
            ),
            ("absent", at("absent"), HostPath::Any, false),
            (
                "a directory is made",
                at("made/below"),
                HostPath::DirectoryOrCreate,
                true,
            ),
            (
                "and is there then",
                at("made/below"),
                HostPath::Directory,
                true,
            ),
            ("a file is made", at("new"), HostPath::FileOrCreate, true),
            (
                "but not its directory",
                at("none/new"),
                HostPath::FileOrCreate,
                false,
            ),
        ] {
            assert_eq!(check(&path, kind, to).is_ok(), right, "{name}");
        }
        assert_eq!(
            fs::metadata(at("new")).unwrap().permissions().mode() & 0o777,
            0o644
        );
    }
}
