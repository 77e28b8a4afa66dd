//! Images to archives: an OCI image layout in a tar file, which Docker and Podman load as well, because `manifest.json`
//! describes the same files in Docker's way.
//!
//! The same content gives the same bytes. Layers are packed anew from their files, uncompressed: for an image that was
//! imported, digests may therefore differ from those that it came with, its files do not.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndexBuilder, ImageManifestBuilder, MediaType};
use serde::Serialize;
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::digest::{Digest, Hashing};
use super::error::{At, ImageError};
use super::index;
use super::layer;
use super::reference::Reference;
use super::store::{Store, find};

impl Store {
    /// Writes an image to the new tar archive `path`, or in place of the file there, once it is complete.
    ///
    /// # Errors
    /// If there is no such image, or the file cannot be written; what was at `path` is still there then.
    pub fn export(&self, reference: &str, path: &Path) -> Result<(), ImageError> {
        let reference: Reference = reference.parse().map_err(ImageError::Reference)?;
        // No layer vanishes while it is read.
        let _lock = self.lock_layers_shared()?;
        let index = index::read(&self.images)?;
        let (name, record) = find(&index, &reference)?;
        let image = self.image(reference, record)?;
        let mut layers = Vec::new();
        for directory in image.layers.iter().rev() {
            let mut hashing = Hashing::new(io::sink());
            layer::pack(directory, &mut hashing)?;
            let (digest, bytes) = hashing.finish();
            layers.push(Layer {
                directory,
                digest,
                bytes,
            });
        }
        let documents = Documents::new(name, &record.configuration, &layers)?;
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(parent).at("open", parent)?;
        write(file.as_file(), &documents, &layers).at("write", path)??;
        file.as_file().sync_all().at("fsync", path)?;
        file.persist(path)
            .map_err(|error| error.error)
            .at("rename", path)?;
        // A temporary file is its owner's alone; an archive is made to be passed on.
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .at("chmod", path)
    }
}

/// A layer and what it will be in the archive.
struct Layer<'a> {
    directory: &'a Path,
    digest: Digest,
    bytes: u64,
}

/// The documents of the archive, as text.
struct Documents {
    configuration: Vec<u8>,
    manifest: Vec<u8>,
    /// `index.json`.
    index: Vec<u8>,
    /// Docker's `manifest.json`.
    docker: Vec<u8>,
}

impl Documents {
    fn new(name: &str, configuration: &Value, layers: &[Layer<'_>]) -> Result<Self, ImageError> {
        let mut configuration = configuration.clone();
        configuration["rootfs"] = json!({
            "type": "layers",
            "diff_ids": layers.iter().map(|layer| layer.digest).collect::<Vec<_>>(),
        });
        let configuration = text(&configuration)?;
        let manifest = manifest(&configuration, layers)?;
        let index = index_of(&manifest, name)?;
        let docker = text(&json!([{
            "Config": Digest::of(&configuration).blob_name(),
            "RepoTags": [name],
            "Layers": layers.iter().map(|layer| layer.digest.blob_name()).collect::<Vec<_>>(),
        }]))?;
        Ok(Self {
            configuration,
            manifest,
            index,
            docker,
        })
    }

    /// All of them with their names in the archive.
    fn files(&self) -> [(String, &[u8]); 5] {
        [
            (
                Digest::of(&self.configuration).blob_name(),
                &self.configuration,
            ),
            (Digest::of(&self.manifest).blob_name(), &self.manifest),
            ("index.json".to_owned(), &self.index),
            ("manifest.json".to_owned(), &self.docker),
            (
                "oci-layout".to_owned(),
                br#"{"imageLayoutVersion":"1.0.0"}"#,
            ),
        ]
    }
}

fn manifest(configuration: &[u8], layers: &[Layer<'_>]) -> Result<Vec<u8>, ImageError> {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| descriptor(MediaType::ImageLayer, layer.digest, layer.bytes))
        .collect::<Result<_, _>>()?;
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(document(MediaType::ImageConfig, configuration)?)
        .layers(layers)
        .build()?;
    text(&manifest)
}

fn index_of(manifest: &[u8], name: &str) -> Result<Vec<u8>, ImageError> {
    let mut entry = document(MediaType::ImageManifest, manifest)?;
    // One key only: a map of several would be written in any order.
    let annotation = (
        "org.opencontainers.image.ref.name".to_owned(),
        name.to_owned(),
    );
    entry.set_annotations(Some(HashMap::from([annotation])));
    let index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![entry])
        .build()?;
    text(&index)
}

/// Writes all files. The outer result is that of the archive's file, the inner one that of reading the layers.
fn write(
    file: &File,
    documents: &Documents,
    layers: &[Layer<'_>],
) -> io::Result<Result<(), ImageError>> {
    let mut archive = Builder::new(BufWriter::with_capacity(1 << 18, file));
    for directory in ["blobs/", "blobs/sha256/"] {
        let mut header = layer::header(EntryType::Directory, 0o755, 0);
        archive.append_data(&mut header, directory, io::empty())?;
    }
    for (name, bytes) in documents.files() {
        let mut header = layer::header(EntryType::Regular, 0o644, bytes.len() as u64);
        archive.append_data(&mut header, name, bytes)?;
    }
    let mut written = Vec::new();
    for layer in layers {
        if written.contains(&layer.digest) {
            continue;
        }
        written.push(layer.digest);
        let mut head = layer::header(EntryType::Regular, 0o644, layer.bytes);
        head.set_path(layer.digest.blob_name())?;
        head.set_cksum();
        let output = archive.get_mut();
        output.write_all(head.as_bytes())?;
        if let Err(error) = layer::pack(layer.directory, &mut *output) {
            return Ok(Err(error));
        }
        // A packed layer is a whole number of tar blocks already: no padding.
    }
    archive.into_inner()?.flush()?;
    Ok(Ok(()))
}

fn text(document: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec(document).map_err(ImageError::document("a document of the archive"))
}

fn document(media_type: MediaType, bytes: &[u8]) -> Result<Descriptor, ImageError> {
    descriptor(media_type, Digest::of(bytes), bytes.len() as u64)
}

fn descriptor(media_type: MediaType, digest: Digest, bytes: u64) -> Result<Descriptor, ImageError> {
    let digest: oci_spec::image::Digest = digest.to_string().parse()?;
    Ok(Descriptor::new(media_type, bytes, digest))
}
