//! The devices of the host, for privileged containers. Others get the six that every container has, and those that they
//! are given by name.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use oci_spec::OciSpecError;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceBuilder, LinuxDeviceType};

/// What of `/dev` a container has of its own.
const OWN: [&str; 5] = ["pts", "shm", "mqueue", "fd", "console"];

/// A container cannot get its devices.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error("failed to list the devices of the host in {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("failed to look at the device {} of the host (stat)", path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("{} is no character device of the host", .0.display())]
    NotCharacter(PathBuf),
    #[error("failed to describe the device {} to libcontainer", path.display())]
    Describe { path: PathBuf, source: OciSpecError },
}

/// All character and block devices below `root`, as they are to be made in a container's `/dev`.
///
/// # Errors
/// [`DeviceError`].
pub(crate) fn all(root: &Path) -> Result<Vec<LinuxDevice>, DeviceError> {
    let mut devices = Vec::new();
    collect(root, Path::new("/dev"), &mut devices)?;
    Ok(devices)
}

/// Character devices of the host by their paths, as they are to be made at the same paths of a container, with their
/// owners and modes.
///
/// # Errors
/// [`DeviceError`].
pub(crate) fn some(paths: &[PathBuf]) -> Result<Vec<LinuxDevice>, DeviceError> {
    let device = |path: &PathBuf| {
        let metadata = fs::metadata(path).map_err(|source| DeviceError::Look {
            path: path.clone(),
            source,
        })?;
        if !metadata.file_type().is_char_device() {
            return Err(DeviceError::NotCharacter(path.clone()));
        }
        describe(path, LinuxDeviceType::C, &metadata)
    };
    paths.iter().map(device).collect()
}

fn collect(
    directory: &Path,
    inside: &Path,
    devices: &mut Vec<LinuxDevice>,
) -> Result<(), DeviceError> {
    let failed = |source| DeviceError::List {
        path: directory.to_owned(),
        source,
    };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (kind, path) = (
            entry.file_type().map_err(failed)?,
            inside.join(entry.file_name()),
        );
        if OWN.iter().any(|name| Path::new("/dev").join(name) == path) {
            continue;
        }
        let kind = if kind.is_dir() {
            collect(&entry.path(), &path, devices)?;
            continue;
        } else if kind.is_char_device() {
            LinuxDeviceType::C
        } else if kind.is_block_device() {
            LinuxDeviceType::B
        } else {
            continue;
        };
        let metadata = entry.metadata().map_err(failed)?;
        devices.push(describe(&path, kind, &metadata)?);
    }
    Ok(())
}

fn describe(
    path: &Path,
    kind: LinuxDeviceType,
    metadata: &Metadata,
) -> Result<LinuxDevice, DeviceError> {
    let (major, minor) = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
    let device = LinuxDeviceBuilder::default()
        .path(path)
        .typ(kind)
        .major(i64::from(major))
        .minor(i64::from(minor))
        .file_mode(metadata.mode() & 0o7777)
        .uid(metadata.uid())
        .gid(metadata.gid());
    device.build().map_err(|source| DeviceError::Describe {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_the_host_are_found_and_those_of_the_container_left_out() {
        let devices = all(Path::new("/dev")).unwrap();
        let null = devices
            .iter()
            .find(|device| device.path() == Path::new("/dev/null"))
            .unwrap();
        assert_eq!((null.major(), null.minor()), (1, 3));
        assert!(
            !devices
                .iter()
                .any(|device| device.path().starts_with("/dev/pts"))
        );
    }

    #[test]
    fn only_character_devices_are_given_by_name() {
        let given = |path: &str| some(&[path.into()]).map_err(|error| error.to_string());
        let kmsg = given("/dev/kmsg").unwrap();
        assert_eq!((kmsg[0].major(), kmsg[0].minor()), (1, 11));
        assert_eq!(kmsg[0].path(), Path::new("/dev/kmsg"));
        for (path, expected) in [
            ("/dev/none", "failed to look at the device /dev/none"),
            ("/dev", "/dev is no character device"),
        ] {
            let error = given(path).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
