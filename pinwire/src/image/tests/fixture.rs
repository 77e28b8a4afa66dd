//! Layers and archives made by hand, and trees compared by all that a layer keeps.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::super::digest::Digest;
use super::super::error::ImageError;
use super::super::layer::{self, Limits};
use super::super::store::{Image, Store};

/// A store that ends with the test.
pub(super) fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("make a directory");
    let store = Store::open(&directory.path().join("data")).expect("open a store");
    (directory, store)
}

/// Imports without limits that matter, and without a progress bar.
pub(super) fn import(
    store: &Store,
    archive: &Path,
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
    store.import(
        archive,
        name,
        &Limits::default(),
        &indicatif::ProgressBar::hidden(),
    )
}

/// A tar stream in the making.
pub(super) struct Layer(Builder<Vec<u8>>);

impl Layer {
    pub(super) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// An entry whose path is written as it is, however bad.
    pub(super) fn entry(mut self, kind: EntryType, path: &str, target: &str, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(data.len() as u64);
        header.set_device_major(0).expect("a device number");
        header.set_device_minor(0).expect("a device number");
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.append(&header, data).expect("append");
        self
    }

    pub(super) fn file(self, path: &str, data: &str) -> Self {
        self.entry(EntryType::Regular, path, "", data.as_bytes())
    }

    pub(super) fn directory(self, path: &str) -> Self {
        self.entry(EntryType::Directory, path, "", b"")
    }

    pub(super) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, path, target, b"")
    }

    pub(super) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Link, path, target, b"")
    }

    /// Pax records for the next entry.
    pub(super) fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0
            .append_pax_extensions(records.iter().copied())
            .expect("append");
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("finish")
    }
}

/// Unpacks one stream into a new directory.
pub(super) fn unpack(stream: &[u8]) -> Result<TempDir, ImageError> {
    let directory = tempfile::tempdir().expect("make a directory");
    layer::unpack(stream, directory.path(), &Limits::default())?;
    Ok(directory)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compress");
    encoder.finish().expect("compress")
}

pub(super) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("compress")
}

/// A tar file of files.
pub(super) fn write_tar(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut builder = Builder::new(fs::File::create(path).expect("create the archive"));
    for (name, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, bytes.as_slice())
            .expect("append");
    }
    builder.into_inner().expect("finish the archive");
}

/// A configuration for this host, whose layers are these streams.
pub(super) fn configuration(layers: &[Vec<u8>]) -> Value {
    json!({
        "architecture": oci_spec::image::Arch::default().to_string(),
        "os": "linux",
        "config": {"Entrypoint": ["/init"], "Cmd": ["serve"], "Env": ["A=1"], "WorkingDir": "/srv", "User": "7:8"},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>()},
    })
}

/// The files of an OCI layout in the making.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) manifests: Vec<Value>,
}

impl Layout {
    pub(super) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        self.files
            .push((format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()));
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// An image of these layers, given as (stream, as stored); its manifest's descriptor.
    pub(super) fn image(&mut self, configuration: &Value, layers: &[(Vec<u8>, Vec<u8>)]) -> Value {
        let layers: Vec<_> = layers
            .iter()
            .map(|(_, stored)| self.blob("application/vnd.oci.image.layer.v1.tar+gzip", stored))
            .collect();
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            configuration.to_string().as_bytes(),
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        self.blob(
            "application/vnd.oci.image.manifest.v1+json",
            manifest.to_string().as_bytes(),
        )
    }

    pub(super) fn add(&mut self, mut descriptor: Value, name: Option<&str>) {
        if let Some(name) = name {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        self.manifests.push(descriptor);
    }

    pub(super) fn write(mut self, path: &Path) {
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        self.files
            .push(("index.json".to_owned(), index.to_string().into_bytes()));
        self.files.push((
            "oci-layout".to_owned(),
            br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        ));
        write_tar(path, &self.files);
    }
}

/// An OCI archive of one image with one layer.
pub(super) fn simple_archive(path: &Path, name: &str, stream: Vec<u8>) {
    let mut layout = Layout::default();
    let stored = gzip(&stream);
    let image = layout.image(
        &configuration(std::slice::from_ref(&stream)),
        &[(stream, stored)],
    );
    layout.add(image, Some(name));
    layout.write(path);
}

/// All that a layer keeps of each file, as text, by path. Files with several names have the same number.
pub(super) fn describe(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut inodes = BTreeMap::new();
    describe_into(root, root, &mut found, &mut inodes);
    found
}

fn describe_into(
    root: &Path,
    path: &Path,
    found: &mut BTreeMap<String, String>,
    inodes: &mut BTreeMap<u64, usize>,
) {
    let metadata = fs::symlink_metadata(path).expect("lstat");
    let content = if metadata.is_file() {
        Digest::of(&fs::read(path).expect("read")).to_string()
    } else if metadata.is_symlink() {
        format!("{:?}", fs::read_link(path).expect("readlink"))
    } else {
        metadata.rdev().to_string()
    };
    let next = inodes.len();
    let links = if metadata.is_dir() {
        0
    } else {
        *inodes.entry(metadata.ino()).or_insert(next)
    };
    let mut names = vec![0; 65536];
    let length = rustix::fs::llistxattr(path, names.as_mut_slice()).expect("llistxattr");
    let attributes: Vec<_> = names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let name = std::ffi::OsStr::from_bytes(name);
            let mut value = vec![0; 65536];
            let length =
                rustix::fs::lgetxattr(path, name, value.as_mut_slice()).expect("lgetxattr");
            value.truncate(length);
            (name.to_owned(), value)
        })
        .collect();
    let relative = path
        .strip_prefix(root)
        .expect("below the root")
        .display()
        .to_string();
    let (mode, uid, gid) = (metadata.mode(), metadata.uid(), metadata.gid());
    let time = (metadata.mtime(), metadata.mtime_nsec());
    found.insert(
        relative,
        format!("{mode:o} {uid}:{gid} {time:?} {content} #{links} {attributes:?}"),
    );
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("readdir") {
            describe_into(root, &entry.expect("readdir").path(), found, inodes);
        }
    }
}
