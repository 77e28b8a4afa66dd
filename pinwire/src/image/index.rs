//! The index of the store: which references it holds, and of which layers each is made. Not the layers themselves.
//!
//! Readers take no lock: the file is replaced whole by rename(2). Writers take turns by flock(2).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::{At, ImageError};

/// The version of the index's form.
pub(super) const VERSION: u32 = 1;

/// The whole index.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) version: u32,
    /// By complete reference.
    pub(super) images: BTreeMap<String, ImageRecord>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            version: VERSION,
            images: BTreeMap::new(),
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ImageRecord {
    /// Digest of the configuration: what Docker calls the image's id.
    pub(super) digest: Digest,
    /// Digest of the manifest, where the image came with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<Digest>,
    /// The layers' digests, unpacked form, the lowest first.
    pub(super) layers: Vec<Digest>,
    /// Bytes of the layers' files.
    pub(super) bytes: u64,
    /// The configuration, as the image has it.
    pub(super) configuration: serde_json::Value,
    /// The files that the image was made from, for the node image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) made_from: Vec<Fingerprint>,
}

/// A file as it was when something was made from it. Equal fingerprints mean an unchanged file, short of somebody
/// setting the clock back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Change time, nanoseconds since the epoch.
    pub(super) changed_ns: i128,
}

impl Fingerprint {
    pub(super) fn new(path: &Path, metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            path: path.to_owned(),
            bytes: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
            changed_ns: i128::from(metadata.ctime()) * 1_000_000_000
                + i128::from(metadata.ctime_nsec()),
        }
    }
}

/// Reads the index below `images`; an absent one is empty.
pub(super) fn read(images: &Path) -> Result<Index, ImageError> {
    let path = images.join("index.json");
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Index::default()),
        bytes => bytes.at("read", &path)?,
    };
    let index: Index = serde_json::from_slice(&bytes).map_err(|source| ImageError::Index {
        path: path.clone(),
        source,
    })?;
    if index.version != VERSION {
        return Err(ImageError::IndexVersion {
            path,
            version: index.version,
        });
    }
    Ok(index)
}

/// Changes the index while no other process does.
pub(super) fn update<T>(
    images: &Path,
    change: impl FnOnce(&mut Index) -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    let _lock = lock(&images.join("index.lock"), File::lock)?;
    let mut index = read(images)?;
    let result = change(&mut index)?;
    write(images, &index)?;
    Ok(result)
}

/// One fixed temporary name, so that a killed writer leaves one file behind, which the next one overwrites.
fn write(images: &Path, index: &Index) -> Result<(), ImageError> {
    let path = images.join("index.json");
    let new = images.join("index.json.new");
    let mut text = serde_json::to_vec_pretty(index).map_err(|source| ImageError::Index {
        path: path.clone(),
        source,
    })?;
    text.push(b'\n');
    let mut file = File::create(&new).at("open", &new)?;
    file.write_all(&text).at("write", &new)?;
    file.sync_all().at("fsync", &new)?;
    fs::rename(&new, &path).at("rename", &path)?;
    File::open(images)
        .and_then(|directory| directory.sync_all())
        .at("fsync", images)
}

/// Takes a lock by its file, which is made where absent. The lock ends with the file.
pub(super) fn lock(path: &Path, take: fn(&File) -> io::Result<()>) -> Result<File, ImageError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .at("open", path)?;
    take(&file).at("flock", path)?;
    Ok(file)
}
