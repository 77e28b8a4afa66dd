//! `pinwire image`: the images of this host.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::gc::in_use;
use crate::cli::{ImageCommand, ListOptions, Output};
use crate::image::{Limits, NODE_IMAGE, Reference, Store};
use crate::output;
use crate::paths::Roots;

/// Lists, imports, exports or removes images.
pub(super) fn run(roots: &Roots, options: &ImageCommand) -> anyhow::Result<()> {
    let store = Store::open(&roots.data)?;
    match options {
        ImageCommand::List(options) => list(&store, options)?,
        ImageCommand::Import { file, name } => import(&store, file, name.as_deref())?,
        ImageCommand::Export { reference, to } => {
            prepare(&store, reference)?;
            store.export(reference, to)?;
        }
        ImageCommand::Remove { references } => {
            let in_use = in_use(roots)?;
            for reference in references {
                store.remove(reference, &in_use)?;
                println!("removed {reference}");
            }
        }
    }
    Ok(())
}

/// Makes the image that a reference names, if that is the built-in one and it is missing or outdated.
pub(super) fn prepare(store: &Store, reference: &str) -> anyhow::Result<()> {
    let reference = reference.parse::<Reference>().ok();
    if reference.is_some() && reference == NODE_IMAGE.parse().ok() {
        let made = store.ensure_node_image()?;
        if made.made && !made.shell {
            anstream::eprintln!(
                "note: the built-in image has no shell and no tools but its own, since this host has no static BusyBox; \
                 after `apt-get install busybox-static` it is made anew"
            );
        }
    }
    Ok(())
}

fn list(store: &Store, options: &ListOptions) -> anyhow::Result<()> {
    let images = store.list()?;
    match options.output {
        Output::Json => output::json(&images)?,
        Output::Table => output::table(
            ["IMAGE", "ID", "LAYERS", "SIZE"],
            images.into_iter().map(|image| {
                let id: String = image
                    .digest
                    .to_string()
                    .chars()
                    .skip("sha256:".len())
                    .take(12)
                    .collect();
                [
                    image.reference,
                    id,
                    image.layers.to_string(),
                    output::bytes(image.bytes),
                ]
            }),
        )?,
    }
    Ok(())
}

/// Takes the images of an archive, behind a progress bar.
fn import(store: &Store, file: &Path, name: Option<&str>) -> anyhow::Result<()> {
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let imported = store.import(file, name, &Limits::default(), &bar);
    bar.finish_and_clear();
    for image in imported? {
        println!("imported {}", image.reference);
    }
    Ok(())
}
