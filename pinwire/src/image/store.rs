//! The store: looks images up, lists and removes them, and takes finished layers in. How layers come to be is the
//! business of `import` and `node`.
//!
//! Two locks. `layers.lock` is held shared by whoever adds layers, and exclusively by whoever removes some, so that no
//! layer vanishes between being unpacked and being named by the index, and every unfinished layer that a remover sees
//! was left by a process that died. `index.lock` is held for the moment in which the index is rewritten.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use pinwire_shim::workload::ImageConfig;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::{At, ImageError};
use super::index::{self, ImageRecord, Index};
use super::partial::PARTIAL;
use super::reference::Reference;

/// The images of one data directory.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) images: PathBuf,
    pub(super) layers: PathBuf,
}

/// An image that containers can be made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its complete name.
    pub reference: Reference,
    /// Digest of its configuration: what Docker calls the image's id.
    pub digest: Digest,
    /// Directories of its layers, the topmost first: the order of overlayfs' `lowerdir=`. Never written to.
    pub layers: Vec<PathBuf>,
    /// What it says of the process to run.
    pub config: ImageConfig,
}

/// One line of a listing of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its complete name.
    pub reference: String,
    /// Digest of its configuration.
    pub digest: Digest,
    /// Number of its layers.
    pub layers: usize,
    /// Bytes of the files of all its layers, shared ones included.
    pub bytes: u64,
}

/// What a removal freed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// Layers removed.
    pub layers: Vec<Digest>,
    /// Remains of interrupted work removed.
    pub partial: usize,
}

impl Store {
    /// The store below `data_dir` (usually `/var/lib/pinwire`), made where absent. Its directories are root's alone:
    /// layers hold setuid programs that no user of the host should reach.
    ///
    /// # Errors
    /// [`ImageError::Io`] if a directory cannot be made.
    pub fn open(data_dir: &Path) -> Result<Self, ImageError> {
        let store = Self {
            images: data_dir.join("images"),
            layers: data_dir.join("layers"),
        };
        for directory in [&store.images, &store.layers] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .at("mkdir", directory)?;
        }
        Ok(store)
    }

    /// Finds an image by its reference, complete or short, with a tag or a digest (of its manifest or configuration).
    /// For [`super::NODE_IMAGE`] call [`Store::ensure_node_image`] first.
    ///
    /// # Errors
    /// [`ImageError::NotFound`] says how to import; [`ImageError::LayerLost`] if the store was tampered with.
    pub fn resolve(&self, reference: &str) -> Result<Image, ImageError> {
        let reference: Reference = reference.parse().map_err(ImageError::Reference)?;
        let index = index::read(&self.images)?;
        let (_, record) = find(&index, &reference)?;
        self.image(reference, record)
    }

    /// All images, by name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn list(&self) -> Result<Vec<Summary>, ImageError> {
        let index = index::read(&self.images)?;
        let summary = |(reference, record): (String, ImageRecord)| Summary {
            reference,
            digest: record.digest,
            layers: record.layers.len(),
            bytes: record.bytes,
        };
        Ok(index.images.into_iter().map(summary).collect())
    }

    /// Forgets an image and removes the layers that no other image has. `in_use` are the layers of running containers
    /// ([`Image::layers`]).
    ///
    /// # Errors
    /// [`ImageError::InUse`] if such a layer would be removed: nothing has changed then.
    pub fn remove(&self, reference: &str, in_use: &[PathBuf]) -> Result<Reclaimed, ImageError> {
        let reference: Reference = reference.parse().map_err(ImageError::Reference)?;
        let _lock = self.lock_layers_exclusively()?;
        index::update(&self.images, |index| {
            let (key, record) = find(index, &reference)?;
            let (key, record) = (key.clone(), record.clone());
            index.images.remove(&key);
            let kept: BTreeSet<_> = index
                .images
                .values()
                .flat_map(|record| &record.layers)
                .collect();
            let doomed = record
                .layers
                .iter()
                .filter(|layer| !kept.contains(layer))
                .map(|layer| self.layer(layer));
            match doomed.into_iter().find(|path| in_use.contains(path)) {
                Some(path) => Err(ImageError::InUse {
                    reference: key,
                    path,
                }),
                None => Ok(()),
            }
        })?;
        self.sweep(in_use)
    }

    /// Removes what killed processes left behind, and layers that neither an image nor `in_use` names.
    ///
    /// # Errors
    /// The first removal that fails.
    pub fn prune(&self, in_use: &[PathBuf]) -> Result<Reclaimed, ImageError> {
        let _lock = self.lock_layers_exclusively()?;
        self.sweep(in_use)
    }

    /// Needs the exclusive lock of the layers.
    fn sweep(&self, in_use: &[PathBuf]) -> Result<Reclaimed, ImageError> {
        let index = index::read(&self.images)?;
        let kept: BTreeSet<_> = index
            .images
            .values()
            .flat_map(|record| &record.layers)
            .map(Digest::hex)
            .collect();
        let mut reclaimed = Reclaimed::default();
        for entry in fs::read_dir(&self.layers).at("readdir", &self.layers)? {
            let path = entry.at("readdir", &self.layers)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with(PARTIAL) {
                fs::remove_dir_all(&path).at("remove", &path)?;
                reclaimed.partial += 1;
            } else if let Ok(digest) = format!("sha256:{name}").parse::<Digest>()
                && !kept.contains(&name)
                && !in_use.contains(&path)
            {
                // Renamed first: a layer under its own name is always whole.
                let dying = self.layers.join(format!("{PARTIAL}{name}"));
                fs::rename(&path, &dying).at("rename", &path)?;
                fs::remove_dir_all(&dying).at("remove", &dying)?;
                reclaimed.layers.push(digest);
            }
        }
        Ok(reclaimed)
    }

    /// The directory of a layer.
    pub(super) fn layer(&self, digest: &Digest) -> PathBuf {
        self.layers.join(digest.hex())
    }

    /// An image from its record, every layer of which must be there.
    pub(super) fn image(
        &self,
        reference: Reference,
        record: &ImageRecord,
    ) -> Result<Image, ImageError> {
        let layers: Vec<_> = record
            .layers
            .iter()
            .rev()
            .map(|layer| self.layer(layer))
            .collect();
        if let Some(path) = layers.iter().find(|layer| !layer.is_dir()) {
            return Err(ImageError::LayerLost {
                reference: reference.to_string(),
                path: path.clone(),
            });
        }
        let config = process(&record.configuration)?;
        Ok(Image {
            reference,
            digest: record.digest,
            layers,
            config,
        })
    }

    /// While it is held, no layer is removed.
    pub(super) fn lock_layers_shared(&self) -> Result<File, ImageError> {
        index::lock(&self.images.join("layers.lock"), File::lock_shared)
    }

    fn lock_layers_exclusively(&self) -> Result<File, ImageError> {
        index::lock(&self.images.join("layers.lock"), File::lock)
    }
}

/// By name first; a digest may also be the manifest's or the configuration's of any image of that repository.
pub(super) fn find<'a>(
    index: &'a Index,
    reference: &Reference,
) -> Result<(&'a String, &'a ImageRecord), ImageError> {
    let missing = || ImageError::NotFound {
        reference: reference.to_string(),
    };
    let Some(digest) = reference.digest() else {
        return index
            .images
            .get_key_value(&reference.to_string())
            .ok_or_else(missing);
    };
    let same_repository = |key: &str| {
        key.parse::<Reference>()
            .is_ok_and(|key| key.name() == reference.name())
    };
    index
        .images
        .iter()
        .find(|(key, record)| {
            (record.digest == digest || record.manifest == Some(digest)) && same_repository(key)
        })
        .ok_or_else(missing)
}

/// The part of an image's configuration that concerns its process.
fn process(configuration: &serde_json::Value) -> Result<ImageConfig, ImageError> {
    let configuration: oci_spec::image::ImageConfiguration =
        serde_json::from_value(configuration.clone())
            .map_err(ImageError::document("the image's configuration"))?;
    let config = configuration.config().clone().unwrap_or_default();
    Ok(ImageConfig {
        entrypoint: config.entrypoint().clone().unwrap_or_default(),
        cmd: config.cmd().clone().unwrap_or_default(),
        env: config.env().clone().unwrap_or_default(),
        working_dir: config.working_dir().clone().unwrap_or_default(),
        user: config.user().clone().unwrap_or_default(),
    })
}
