//! What each command does, one file a command: from its options to the library and back to the screen.

mod check;
mod completion;
mod down;
mod exec;
mod gc;
mod generate;
mod graph;
mod image;
mod inspect;
mod list;
mod logs;
mod probe;
mod up;
mod validate;
mod vf;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::paths::Roots;

/// Does what the command line asks for.
///
/// # Errors
/// Whatever keeps a command from doing it; [`crate::failure::report`] knows the exit code.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let roots = Roots {
        state: cli.state_dir,
        data: cli.data_dir,
    };
    match cli.command {
        Command::Up(options) => up::run(&roots, &options),
        Command::Down(options) => down::run(&roots, &options),
        Command::Inspect(options) => inspect::run(&roots, &options),
        Command::Exec(options) => return exec::run(&roots, &options),
        Command::Logs(options) => logs::run(&roots, &options),
        Command::List(options) => list::run(&roots, &options),
        Command::Validate(options) => validate::run(&options),
        Command::Graph(options) => graph::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Probe(options) => probe::run(&roots, &options),
        Command::Image(options) => image::run(&roots, &options),
        Command::Vf(options) => vf::run(&roots, options),
        Command::Check(options) => return check::run(&options),
        Command::Gc(options) => gc::run(&roots, &options),
        Command::Schema => generate::schema(),
        Command::Completion(options) => completion::run(&options),
        Command::Man(options) => completion::man(&options),
    }?;
    Ok(ExitCode::SUCCESS)
}
