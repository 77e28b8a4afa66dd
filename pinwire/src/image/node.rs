//! The built-in image of a node: `pinwire-node`, BusyBox if the host has it statically linked, and little else.
//!
//! It is made on this host, so that nothing needs to be pulled, and made anew when one of its programs changes.

mod tree;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_spec::image::{
    ConfigBuilder, ImageConfiguration, ImageConfigurationBuilder, RootFsBuilder,
};

use super::digest::{Digest, Hashing};
use super::error::{At, ImageError};
use super::index::{self, Fingerprint, ImageRecord};
use super::layer;
use super::platform::Platform;
use super::reference::Reference;
use super::store::{Image, Store};
use tree::ImageTree;

/// The reference of the node image.
pub const NODE_IMAGE: &str = "localhost/pinwire-node:latest";
/// Where Debian's busybox-static puts BusyBox.
const BUSYBOX: &str = "/bin/busybox";
/// Names a `pinwire-node` other than the installed one.
const PROGRAM_VARIABLE: &str = "PINWIRE_NODE";
/// Raised whenever this file or `tree.rs` makes something else of the same programs, so that images are made anew.
const LAYOUT: &str = "layout-1";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The node image as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeImage {
    /// The image.
    pub image: Image,
    /// Whether it has a shell: whether the host had a statically linked BusyBox.
    pub shell: bool,
    /// Whether this call made it.
    pub made: bool,
}

/// The programs that the image is made from.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) node: PathBuf,
    pub(super) busybox: Option<PathBuf>,
}

impl Programs {
    /// Those installed on this host.
    fn installed() -> Result<Self, ImageError> {
        let executable = std::env::current_exe().at("readlink", Path::new("/proc/self/exe"))?;
        let directory = executable.parent().unwrap_or(Path::new("/"));
        let node = Self::find_node(
            directory,
            std::env::var_os(PROGRAM_VARIABLE).map(PathBuf::from),
        )?;
        let busybox = Path::new(BUSYBOX);
        Ok(Self {
            node,
            busybox: is_static(busybox)
                .unwrap_or(false)
                .then(|| busybox.to_owned()),
        })
    }

    /// `given` wins; otherwise beside the running program, or where packages put what users do not call.
    pub(super) fn find_node(
        directory: &Path,
        given: Option<PathBuf>,
    ) -> Result<PathBuf, ImageError> {
        let candidates = match given {
            Some(path) => vec![path],
            None => [
                "pinwire-node",
                "../libexec/pinwire/pinwire-node",
                "../lib/pinwire/pinwire-node",
            ]
            .map(|path| directory.join(path))
            .to_vec(),
        };
        let searched = || {
            candidates
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        candidates
            .iter()
            .find(|path| path.is_file())
            .cloned()
            .ok_or_else(|| ImageError::NodeProgram {
                searched: searched(),
            })
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>, ImageError> {
        let mut fingerprints = Vec::new();
        for path in std::iter::once(&self.node).chain(&self.busybox) {
            let metadata = std::fs::metadata(path).at("stat", path)?;
            fingerprints.push(Fingerprint::new(path, &metadata));
        }
        Ok(fingerprints)
    }
}

impl Store {
    /// The node image, [`NODE_IMAGE`], made or made anew if its programs changed. Unchanged, it costs a few system calls.
    /// Any number of processes may call it at once, and be killed while they do.
    ///
    /// # Errors
    /// [`ImageError::NodeProgram`] if there is no `pinwire-node`, and whatever keeps the image from being written.
    pub fn ensure_node_image(&self) -> Result<NodeImage, ImageError> {
        self.ensure_node_image_of(&Programs::installed()?)
    }

    pub(super) fn ensure_node_image_of(
        &self,
        programs: &Programs,
    ) -> Result<NodeImage, ImageError> {
        let reference: Reference = NODE_IMAGE.parse().map_err(ImageError::Reference)?;
        let fingerprints = programs.fingerprints()?;
        let shell = programs.busybox.is_some();
        let index = index::read(&self.images)?;
        if let Some(record) = index.images.get(NODE_IMAGE)
            && record.made_from == fingerprints
            && layout(record) == Some(LAYOUT)
            && let Ok(image) = self.image(reference.clone(), record)
        {
            return Ok(NodeImage {
                image,
                shell,
                made: false,
            });
        }
        let _lock = self.lock_layers_shared()?;
        let record = self.make_node_image(programs, fingerprints)?;
        index::update(&self.images, |index| {
            index.images.insert(NODE_IMAGE.to_owned(), record.clone());
            Ok(())
        })?;
        Ok(NodeImage {
            image: self.image(reference, &record)?,
            shell,
            made: true,
        })
    }

    fn make_node_image(
        &self,
        programs: &Programs,
        made_from: Vec<Fingerprint>,
    ) -> Result<ImageRecord, ImageError> {
        if !is_static(&programs.node).at("read", &programs.node)? {
            return Err(ImageError::NodeProgramDynamic {
                path: programs.node.clone(),
            });
        }
        let partial = self.partial_layer()?;
        let mut tree = ImageTree::new(partial.path());
        tree.skeleton()?;
        let busybox = programs.busybox.as_ref().map(|path| (path, "busybox"));
        let programs: Vec<_> = std::iter::once((&programs.node, "pinwire-node"))
            .chain(busybox)
            .collect();
        for (path, name) in &programs {
            tree.program(path, name)?;
        }
        for (path, name) in &programs {
            tree.names(name, &applets(path)?)?;
        }
        let bytes = tree.finish()?;
        let mut hashing = Hashing::new(io::sink());
        layer::pack(partial.path(), &mut hashing)?;
        let (digest, _) = hashing.finish();
        partial.commit(&digest)?;
        let (configuration, id) = configuration(&digest)?;
        Ok(ImageRecord {
            digest: id,
            manifest: None,
            layers: vec![digest],
            bytes,
            configuration,
            made_from,
        })
    }
}

/// The image's configuration and its digest.
fn configuration(layer: &Digest) -> Result<(serde_json::Value, Digest), ImageError> {
    let platform = Platform::host();
    let config = ConfigBuilder::default()
        .env(vec![PATH.to_owned()])
        .entrypoint(["/bin/pinwire-node", "init"].map(str::to_owned).to_vec())
        .working_dir("/")
        .labels(std::collections::HashMap::from([(
            "dev.pinwire.node".to_owned(),
            LAYOUT.to_owned(),
        )]))
        .build()?;
    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(vec![layer.to_string()])
        .build()?;
    let configuration: ImageConfiguration = ImageConfigurationBuilder::default()
        .created("1970-01-01T00:00:00Z")
        .architecture(platform.architecture)
        .os(platform.os)
        .config(config)
        .rootfs(rootfs)
        .build()?;
    let document = ImageError::document("the node image's configuration");
    let value = serde_json::to_value(&configuration).map_err(&document)?;
    let digest = Digest::of(&serde_json::to_vec(&value).map_err(document)?);
    Ok((value, digest))
}

/// The layout that a node image was made with.
fn layout(record: &ImageRecord) -> Option<&str> {
    record
        .configuration
        .pointer("/config/Labels/dev.pinwire.node")?
        .as_str()
}

/// The names that a program wants to be called by: `PROGRAM --list`, one a line.
fn applets(program: &Path) -> Result<Vec<String>, ImageError> {
    let failed = |reason: String| ImageError::Applets {
        path: program.to_owned(),
        reason,
    };
    let output = Command::new(program)
        .arg("--list")
        .output()
        .at("execve", program)?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))?;
    let names: Vec<_> = text.lines().map(str::to_owned).collect();
    match names
        .iter()
        .find(|name| name.is_empty() || name.contains('/') || name.starts_with('.'))
    {
        Some(name) => Err(failed(format!("`{name}` is not a file name"))),
        None => Ok(names),
    }
}

/// Whether a file is a 64-bit little-endian ELF executable without a dynamic linker (no `PT_INTERP`, elf(5)).
pub(super) fn is_static(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    const PT_INTERP: u32 = 3;
    let file = File::open(path)?;
    let mut header = [0; 64];
    if file.read_exact_at(&mut header, 0).is_err() || header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(false);
    }
    let [table, entry_size, entries] =
        [(32, 8), (54, 2), (56, 2)].map(|(offset, length): (usize, usize)| {
            header[offset..offset + length]
                .iter()
                .rev()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        });
    for entry in 0..entries {
        let mut kind = [0; 4];
        file.read_exact_at(&mut kind, table.saturating_add(entry * entry_size))?;
        if u32::from_le_bytes(kind) == PT_INTERP {
            return Ok(false);
        }
    }
    Ok(true)
}
