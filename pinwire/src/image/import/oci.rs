//! OCI image layouts (image-spec, image-layout.md): `index.json` leads by digests through indexes, one of whose images is
//! for this host, to a manifest, its configuration and its layers. Docker's own media types mean the same.

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};

use super::super::archive::Archive;
use super::super::digest::Digest;
use super::super::error::ImageError;
use super::super::layer::Limits;
use super::super::platform::Platform;
use super::super::reference::Reference;
use super::{ImageSource, LayerSource, check, check_layers, parse, read_configuration};

/// Where containerd, and Docker with it, writes the full name.
const FULL_NAME: &str = "io.containerd.image.name";
/// The name by the specification; some write the full name here, others the tag alone.
const NAME: &str = "org.opencontainers.image.ref.name";
/// Indexes within indexes, at most.
const DEPTH_MAX: usize = 4;

/// The images of a layout; none if it is no layout.
pub(super) fn read(
    archive: &Archive,
    limits: &Limits,
) -> Result<Option<Vec<ImageSource>>, ImageError> {
    let Some(bytes) = archive.document("index.json", limits)? else {
        return Ok(None);
    };
    let index: ImageIndex = parse(&bytes, "index.json")?;
    let layout = Layout { archive, limits };
    // Several platforms of one image may lie side by side under one name.
    let mut groups: Vec<(Option<Reference>, Vec<Descriptor>)> = Vec::new();
    for descriptor in index.manifests() {
        let name = name(descriptor)?;
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(descriptor.clone()),
            None => groups.push((name, vec![descriptor.clone()])),
        }
    }
    let mut sources: Vec<ImageSource> = Vec::new();
    for (name, group) in groups {
        let source = layout.choose(&group)?;
        match sources
            .iter_mut()
            .find(|known| known.digest == source.digest)
        {
            Some(known) => known.names.extend(name),
            None => sources.push(ImageSource {
                names: name.into_iter().collect(),
                ..source
            }),
        }
    }
    Ok(Some(sources))
}

/// The full name of an image, if it is told: a tag alone is none.
fn name(descriptor: &Descriptor) -> Result<Option<Reference>, ImageError> {
    let annotation = |key| {
        descriptor
            .annotations()
            .as_ref()
            .and_then(|annotations| annotations.get(key))
    };
    let full =
        annotation(FULL_NAME).or_else(|| annotation(NAME).filter(|name| name.contains(['/', ':'])));
    full.map(|name| name.parse().map_err(ImageError::Reference))
        .transpose()
}

struct Layout<'a> {
    archive: &'a Archive,
    limits: &'a Limits,
}

impl Layout<'_> {
    /// The first image for this host.
    fn choose(&self, descriptors: &[Descriptor]) -> Result<ImageSource, ImageError> {
        let mut offered = Vec::new();
        match self.search(descriptors, 0, &mut offered)? {
            Some(source) => Ok(source),
            None => Err(Platform::none_fits(&offered)),
        }
    }

    fn search(
        &self,
        descriptors: &[Descriptor],
        depth: usize,
        offered: &mut Vec<Platform>,
    ) -> Result<Option<ImageSource>, ImageError> {
        if depth > DEPTH_MAX {
            return Err(ImageError::Limit {
                what: "the nesting of indexes".to_owned(),
                limit: DEPTH_MAX.to_string(),
            });
        }
        for descriptor in descriptors {
            if let Some(platform) = descriptor.platform() {
                let platform = Platform::of(platform);
                if !platform.runs_here() {
                    offered.push(platform);
                    continue;
                }
            }
            let found = match kind(descriptor.media_type()) {
                DocumentKind::Index => {
                    let index: ImageIndex =
                        parse(&self.blob(descriptor)?, "an index of the image")?;
                    self.search(index.manifests(), depth + 1, offered)?
                }
                DocumentKind::Manifest => self.manifest(descriptor, offered)?,
                DocumentKind::Other => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The image of a manifest, if it is for this host: descriptors need not tell the platform, configurations do.
    fn manifest(
        &self,
        descriptor: &Descriptor,
        offered: &mut Vec<Platform>,
    ) -> Result<Option<ImageSource>, ImageError> {
        let manifest: ImageManifest = parse(&self.blob(descriptor)?, "the image's manifest")?;
        let bytes = self.blob(manifest.config())?;
        let (configuration, unpacked, platform) =
            read_configuration(&bytes, "the image's configuration")?;
        if !platform.runs_here() {
            offered.push(platform);
            return Ok(None);
        }
        check_layers(manifest.layers().len(), unpacked.len())?;
        let mut layers = Vec::new();
        for (layer, unpacked) in manifest.layers().iter().zip(unpacked) {
            let digest = digest(layer)?;
            layers.push(LayerSource {
                name: digest.blob_name(),
                promised: Some((digest, layer.size())),
                unpacked,
            });
        }
        let manifest = Some(self::digest(descriptor)?);
        Ok(Some(ImageSource {
            names: Vec::new(),
            configuration,
            digest: Digest::of(&bytes),
            manifest,
            layers,
        }))
    }

    /// A document, checked against its digest.
    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let digest = digest(descriptor)?;
        let name = digest.blob_name();
        let missing = || ImageError::BlobMissing {
            what: format!("`{name}`"),
        };
        let bytes = self
            .archive
            .document(&name, self.limits)?
            .ok_or_else(missing)?;
        check(
            &name,
            digest,
            descriptor.size(),
            (Digest::of(&bytes), bytes.len() as u64),
        )?;
        Ok(bytes)
    }
}

enum DocumentKind {
    Index,
    Manifest,
    /// Signatures, bills of materials and other company of images.
    Other,
}

fn kind(media_type: &MediaType) -> DocumentKind {
    match media_type {
        MediaType::ImageIndex => DocumentKind::Index,
        MediaType::ImageManifest => DocumentKind::Manifest,
        MediaType::Other(other) => match other.as_str() {
            "application/vnd.docker.distribution.manifest.list.v2+json" => DocumentKind::Index,
            "application/vnd.docker.distribution.manifest.v2+json" => DocumentKind::Manifest,
            _ => DocumentKind::Other,
        },
        _ => DocumentKind::Other,
    }
}

fn digest(descriptor: &Descriptor) -> Result<Digest, ImageError> {
    descriptor
        .digest()
        .to_string()
        .parse()
        .map_err(|what| ImageError::Unsupported { what })
}
