//! `pinwire completion` and `pinwire man`: both are generated from the definition of the command line.

use std::fs;
use std::io;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, CompletionOptions, ManOptions};

/// Prints a completion script.
pub(super) fn run(options: &CompletionOptions) -> anyhow::Result<()> {
    clap_complete::generate(
        options.shell,
        &mut Cli::command(),
        "pinwire",
        &mut io::stdout(),
    );
    Ok(())
}

/// Writes the manual page of the command and of each of its subcommands.
pub(super) fn man(options: &ManOptions) -> anyhow::Result<()> {
    let directory = &options.directory;
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .with_context(|| format!("cannot write manual pages to `{}`", directory.display()))?;
    Ok(())
}
