//! What `docker save` writes: `manifest.json` lists, for each image, its names, its configuration and its layers by the
//! names of their files. The files' own digests are not told, so that the layers are checked unpacked.

use serde::Deserialize;

use super::super::archive::Archive;
use super::super::digest::Digest;
use super::super::error::ImageError;
use super::super::layer::Limits;
use super::{ImageSource, LayerSource, check_layers, parse, read_configuration};

/// An element of `manifest.json`. Its other keys say nothing that is needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The images of a `docker save` archive; none if it is no such archive.
pub(super) fn read(
    archive: &Archive,
    limits: &Limits,
) -> Result<Option<Vec<ImageSource>>, ImageError> {
    let Some(bytes) = archive.document("manifest.json", limits)? else {
        return Ok(None);
    };
    let items: Vec<Item> = parse(&bytes, "manifest.json")?;
    items
        .into_iter()
        .map(|item| source(archive, limits, item))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn source(archive: &Archive, limits: &Limits, item: Item) -> Result<ImageSource, ImageError> {
    let missing = || ImageError::BlobMissing {
        what: format!("configuration `{}`", item.config),
    };
    let bytes = archive
        .document(&item.config, limits)?
        .ok_or_else(missing)?;
    let digest = Digest::of(&bytes);
    check_name(&item.config, digest)?;
    let (configuration, unpacked, platform) = read_configuration(&bytes, &item.config)?;
    platform.check()?;
    check_layers(item.layers.len(), unpacked.len())?;
    let layers = item.layers.into_iter().zip(unpacked);
    let layers = layers
        .map(|(name, unpacked)| LayerSource {
            name,
            promised: None,
            unpacked,
        })
        .collect();
    let tags = item.repo_tags.unwrap_or_default();
    let names = tags
        .iter()
        .map(|tag| tag.parse().map_err(ImageError::Reference))
        .collect::<Result<_, _>>()?;
    Ok(ImageSource {
        names,
        configuration,
        digest,
        manifest: None,
        layers,
    })
}

/// Docker names the configuration's file by its digest: `HEX.json`, or `blobs/sha256/HEX`.
fn check_name(name: &str, found: Digest) -> Result<(), ImageError> {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let stem = stem.strip_prefix("blobs/sha256/").unwrap_or(stem);
    match format!("sha256:{stem}").parse() {
        Ok(expected) if expected != found => Err(ImageError::Corrupt {
            what: format!("`{name}`"),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}
