//! The devices of the host, for privileged containers. Others get the six that every container has.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceBuilder, LinuxDeviceType};

/// What of `/dev` a container has of its own.
const OWN: [&str; 5] = ["pts", "shm", "mqueue", "fd", "console"];

/// The devices of the host cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to list the devices of the host in {}", path.display())]
pub(crate) struct DeviceError {
    path: PathBuf,
    source: io::Error,
}

/// All character and block devices below `root`, as they are to be made in a container's `/dev`.
///
/// # Errors
/// [`DeviceError`].
pub(crate) fn all(root: &Path) -> Result<Vec<LinuxDevice>, DeviceError> {
    let mut devices = Vec::new();
    collect(root, Path::new("/dev"), &mut devices).map_err(|source| DeviceError {
        path: root.to_owned(),
        source,
    })?;
    Ok(devices)
}

fn collect(directory: &Path, inside: &Path, devices: &mut Vec<LinuxDevice>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, inside.join(entry.file_name()));
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
        let metadata = entry.metadata()?;
        let (major, minor) = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
        let device = LinuxDeviceBuilder::default()
            .path(path)
            .typ(kind)
            .major(i64::from(major))
            .minor(i64::from(minor))
            .file_mode(metadata.mode() & 0o7777)
            .uid(metadata.uid())
            .gid(metadata.gid());
        devices.push(device.build().map_err(io::Error::other)?);
    }
    Ok(())
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
}
