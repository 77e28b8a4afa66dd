//! The `pinwire` command: reads the command line, prints what failed, and exits.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use pinwire::cli::Cli;
use pinwire::{command, failure};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.verbose);
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}

/// Sends what the libraries say to standard error: warnings, or what `-v`, `-vv` or `PINWIRE_LOG` ask for.
fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .with_env_var("PINWIRE_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}
