//! `pinwire generate` and `pinwire schema`: what is written for people to start from.

use std::io::{self, Write};

use crate::cli::GenerateOptions;
use crate::{generate, output, schema as schemas};

/// Prints the manifest of a regular topology.
pub(super) fn run(options: &GenerateOptions) -> anyhow::Result<()> {
    let manifest = generate::generate(options.kind, options.nodes)?;
    Ok(io::stdout().lock().write_all(manifest.as_bytes())?)
}

/// Prints the JSON schema of the annotations.
pub(super) fn schema() -> anyhow::Result<()> {
    Ok(output::json(&schemas::annotations())?)
}
