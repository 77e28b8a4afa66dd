//! Layers in the making: directories of the store that have no name yet, and get one only when they are whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::digest::Digest;
use super::error::{At, ImageError};
use super::store::Store;

/// What the names of unfinished and dying layers begin with.
pub(super) const PARTIAL: &str = ".partial-";

impl Store {
    /// An empty directory for a layer in the making, removed unless [committed](PartialLayer::commit).
    pub(super) fn partial_layer(&self) -> Result<PartialLayer<'_>, ImageError> {
        let lock = self.lock_layers_shared()?;
        let directory = tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempdir_in(&self.layers)
            .at("mkdir", &self.layers)?;
        Ok(PartialLayer {
            store: self,
            directory,
            _lock: lock,
        })
    }
}

/// A layer in the making.
pub(super) struct PartialLayer<'a> {
    store: &'a Store,
    directory: tempfile::TempDir,
    _lock: File,
}

impl PartialLayer<'_> {
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Gives the layer its name, once its files are on the disk. Whoever comes second finds it there already.
    pub(super) fn commit(self, digest: &Digest) -> Result<PathBuf, ImageError> {
        let path = self.store.layer(digest);
        if path.is_dir() {
            return Ok(path);
        }
        let root = File::open(self.path()).at("open", self.path())?;
        rustix::fs::syncfs(&root).at("syncfs", self.path())?;
        match fs::rename(self.path(), &path) {
            Ok(()) => {
                let _ = self.directory.keep();
                Ok(path)
            }
            Err(_) if path.is_dir() => Ok(path),
            Err(error) => Err(error).at("rename", &path),
        }
    }
}
