//! `pinwire graph`: draws a topology.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;

use crate::cli::{GraphOptions, Notation};
use crate::failure::{self, Failure};
use crate::{graph, topology};

/// Prints a drawing, or writes it to a file.
pub(super) fn run(options: &GraphOptions) -> anyhow::Result<()> {
    let (topology, warnings) = topology::load(&options.files, None).map_err(Failure::Manifest)?;
    failure::report_findings(&warnings);
    let drawing = match options.format {
        Notation::Mermaid => graph::mermaid(&topology),
        Notation::Dot => graph::dot(&topology),
        Notation::Svg => graph::svg(&topology),
    };
    match &options.to {
        Some(path) => fs::write(path, drawing)
            .with_context(|| format!("cannot write `{}`", path.display()))?,
        None => io::stdout().lock().write_all(drawing.as_bytes())?,
    }
    Ok(())
}
