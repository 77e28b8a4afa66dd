//! Images from archives: OCI image layouts and what `docker save` writes. Everything is checked against its digest before
//! it gets a name in the store.

mod docker;
mod oci;

use std::io::{self, Read};
use std::path::Path;

use indicatif::ProgressBar;
use serde::de::DeserializeOwned;

use super::archive::{Archive, Section, decompressed};
use super::digest::{Digest, Hashing};
use super::error::{At, ImageError};
use super::index::{self, ImageRecord};
use super::layer::{self, Limits};
use super::platform::Platform;
use super::reference::Reference;
use super::store::{Image, Store};

/// An image as an archive describes it.
struct ImageSource {
    names: Vec<Reference>,
    configuration: serde_json::Value,
    digest: Digest,
    manifest: Option<Digest>,
    /// The lowest first.
    layers: Vec<LayerSource>,
}

impl ImageSource {
    /// What the index is to hold, `bytes` being those of the layers' files.
    fn record(self, bytes: u64) -> (Vec<Reference>, ImageRecord) {
        let record = ImageRecord {
            digest: self.digest,
            manifest: self.manifest,
            layers: self.layers.iter().map(|layer| layer.unpacked).collect(),
            bytes,
            configuration: self.configuration,
            made_from: Vec::new(),
        };
        (self.names, record)
    }
}

/// A layer as an archive describes it.
struct LayerSource {
    /// Its name in the archive.
    name: String,
    /// Digest and length of the file, where the archive tells them.
    promised: Option<(Digest, u64)>,
    /// Digest of the tar stream without compression.
    unpacked: Digest,
}

impl Store {
    /// Imports all images of the archive or OCI layout at `path` for this host's platform, in place of images of the same
    /// names. `name` names the image, in place of the archive's names for it. `progress` counts the bytes of the layers' files.
    ///
    /// Safe beside other imports, and to be killed: an image is in the store with all of its layers, or not at all.
    ///
    /// # Errors
    /// If the archive is damaged, malicious, without a name, or made for another platform. Nothing has changed then, but
    /// that layers of images which came whole may be kept until [`Store::prune`].
    pub fn import(
        &self,
        path: &Path,
        name: Option<&str>,
        limits: &Limits,
        progress: &ProgressBar,
    ) -> Result<Vec<Image>, ImageError> {
        let name = name
            .map(|name| name.parse().map_err(ImageError::Reference))
            .transpose()?;
        let archive = Archive::open(path, &self.layers, limits)?;
        let sources = named(sources(&archive, limits)?, name, path)?;
        for layer in sources.iter().flat_map(|source| &source.layers) {
            progress.inc_length(open_layer(&archive, layer)?.1);
        }
        let _lock = self.lock_layers_shared()?;
        let mut records = Vec::new();
        for source in sources {
            let mut bytes = 0;
            for layer in &source.layers {
                bytes += self.add_layer(&archive, layer, limits, progress)?;
            }
            records.push(source.record(bytes));
        }
        self.register(records)
    }

    /// Enters finished images into the index, all at once.
    fn register(
        &self,
        records: Vec<(Vec<Reference>, ImageRecord)>,
    ) -> Result<Vec<Image>, ImageError> {
        index::update(&self.images, |index| {
            let mut images = Vec::new();
            for (names, record) in records {
                for name in names {
                    images.push(self.image(name.clone(), &record)?);
                    index.images.insert(name.to_string(), record.clone());
                }
            }
            Ok(images)
        })
    }

    /// Unpacks a layer unless the store has it, and tells the bytes of its files.
    fn add_layer(
        &self,
        archive: &Archive,
        layer: &LayerSource,
        limits: &Limits,
        progress: &ProgressBar,
    ) -> Result<u64, ImageError> {
        let (section, size) = open_layer(archive, layer)?;
        let directory = self.layer(&layer.unpacked);
        if directory.is_dir() {
            progress.inc(size);
            return layer::bytes(&directory);
        }
        let partial = self.partial_layer()?;
        let mut file = Hashing::new(progress.wrap_read(section));
        let unpacked = unpack_layer(&mut file, partial.path(), limits);
        // A damaged file is better named so than by what it did to the decompressor; its rest counts for the digest.
        let rest = io::copy(&mut file, &mut io::sink()).at("read", archive.path());
        if let (Some((expected, length)), Ok(_)) = (layer.promised, &rest) {
            check(&layer.name, expected, length, file.finish())?;
        }
        let (found, bytes) = unpacked?;
        rest?;
        if found != layer.unpacked {
            let what = format!("layer `{}`, unpacked,", layer.name);
            return Err(ImageError::Corrupt {
                what,
                expected: layer.unpacked,
                found,
            });
        }
        partial.commit(&layer.unpacked)?;
        Ok(bytes)
    }
}

/// Unpacks a layer's file; the digest of its tar stream, and the bytes of its files.
fn unpack_layer(
    file: &mut impl Read,
    directory: &Path,
    limits: &Limits,
) -> Result<(Digest, u64), ImageError> {
    let mut stream = Hashing::new(decompressed(file).at("decompress", directory)?);
    let bytes = layer::unpack(&mut stream, directory, limits)?;
    Ok((stream.finish().0, bytes))
}

/// Reads what an archive says of its images, whichever form it has.
fn sources(archive: &Archive, limits: &Limits) -> Result<Vec<ImageSource>, ImageError> {
    let oci = oci::read(archive, limits)?;
    // Archives of later Docker versions have both forms; the older one tells the names in full.
    let unnamed = oci
        .as_ref()
        .is_none_or(|sources| sources.iter().all(|source| source.names.is_empty()));
    let docker = if unnamed {
        docker::read(archive, limits)?
    } else {
        None
    };
    docker
        .or(oci)
        .filter(|sources| !sources.is_empty())
        .ok_or_else(|| ImageError::NotAnImage {
            path: archive.path().to_owned(),
            reason:
                "it holds neither index.json (OCI image layout) nor manifest.json (docker save)"
                    .to_owned(),
        })
}

/// Every image with at least one name.
fn named(
    mut sources: Vec<ImageSource>,
    name: Option<Reference>,
    path: &Path,
) -> Result<Vec<ImageSource>, ImageError> {
    if let Some(name) = name {
        let [source] = sources.as_mut_slice() else {
            return Err(ImageError::SeveralImages {
                path: path.to_owned(),
                count: sources.len(),
            });
        };
        source.names = vec![name];
    }
    if sources.iter().any(|source| source.names.is_empty()) {
        return Err(ImageError::Nameless {
            path: path.to_owned(),
        });
    }
    Ok(sources)
}

fn open_layer(archive: &Archive, layer: &LayerSource) -> Result<(Section, u64), ImageError> {
    archive
        .file(&layer.name)?
        .ok_or_else(|| ImageError::BlobMissing {
            what: format!("layer `{}`", layer.name),
        })
}

/// Compares what a file should be with what it is.
fn check(
    name: &str,
    expected: Digest,
    length: u64,
    (found, bytes): (Digest, u64),
) -> Result<(), ImageError> {
    let what = format!("`{name}`");
    if bytes != length {
        return Err(ImageError::Length {
            what,
            expected: length,
            found: bytes,
        });
    }
    if found != expected {
        return Err(ImageError::Corrupt {
            what,
            expected,
            found,
        });
    }
    Ok(())
}

/// Whether an image has as many layers as digests of their content.
fn check_layers(layers: usize, unpacked: usize) -> Result<(), ImageError> {
    if layers == unpacked {
        return Ok(());
    }
    let what = format!("an image with {layers} layers and {unpacked} digests of layers");
    Err(ImageError::Unsupported { what })
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(ImageError::document(what))
}

/// The digests of a configuration's layers, unpacked, and its platform.
fn read_configuration(
    bytes: &[u8],
    name: &str,
) -> Result<(serde_json::Value, Vec<Digest>, Platform), ImageError> {
    let configuration: oci_spec::image::ImageConfiguration = parse(bytes, name)?;
    let digest = |text: &String| {
        text.parse()
            .map_err(|what| ImageError::Unsupported { what })
    };
    let layers = configuration
        .rootfs()
        .diff_ids()
        .iter()
        .map(digest)
        .collect::<Result<_, _>>()?;
    let platform = Platform {
        os: configuration.os().clone(),
        architecture: configuration.architecture().clone(),
        variant: configuration.variant().clone(),
    };
    Ok((parse(bytes, name)?, layers, platform))
}
