//! Extended attributes of one file, without following a symbolic link. Which ones belong to a layer is decided here.

use std::io;
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

/// The largest value and the longest list that the kernel allows, in bytes (`XATTR_SIZE_MAX`, linux/limits.h).
const SIZE_MAX: usize = 65536;

/// Whether an attribute is part of a layer's content. Overlayfs' own are not: a layer that sets them could redirect a
/// directory to another one of the host's file system.
pub(super) fn belongs_to_layer(name: &str) -> bool {
    let prefixes = ["user.", "security.", "trusted.", "system.posix_acl_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        && !name.starts_with("trusted.overlay.")
        && !name.starts_with("user.overlay.")
}

/// All attributes of `path`, by name.
pub(super) fn read(path: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut names = Vec::with_capacity(SIZE_MAX);
    match llistxattr(path, rustix::buffer::spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let mut attributes = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        let mut value = Vec::with_capacity(SIZE_MAX);
        lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value))?;
        value.shrink_to_fit();
        attributes.push((name.to_owned(), value));
    }
    attributes.sort();
    Ok(attributes)
}

/// Sets one attribute. A file system without attributes loses `user.` ones, which nothing's meaning depends on.
pub(super) fn write(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    match lsetxattr(path, name, value, XattrFlags::empty()) {
        Err(Errno::NOTSUP) if name.starts_with("user.") => Ok(()),
        result => Ok(result?),
    }
}
