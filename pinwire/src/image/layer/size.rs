//! How much a layer's files hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::image::error::{At, ImageError};

/// Bytes of all regular files below `directory`; of files with several names, a share for each name.
pub(in crate::image) fn bytes(directory: &Path) -> Result<u64, ImageError> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory).at("readdir", directory)? {
        let entry = entry.at("readdir", directory)?;
        let metadata = entry.metadata().at("lstat", directory)?;
        if metadata.is_dir() {
            bytes += self::bytes(&entry.path())?;
        } else if metadata.is_file() {
            bytes += metadata.len() / metadata.nlink();
        }
    }
    Ok(bytes)
}
