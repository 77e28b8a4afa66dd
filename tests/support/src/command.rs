//! Programs that a test runs, in the namespaces of its thread. A command is words without spaces.

use std::process::{Command, Output};

/// Runs a command: whether it succeeded, and what it said on both streams.
pub fn attempt(command: &str) -> (bool, String) {
    let output = output(command);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Runs a command, which must succeed; its standard output.
///
/// # Panics
/// Where it fails.
pub fn run(command: &str) -> String {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {text}{error}");
    text
}

fn output(command: &str) -> Output {
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().unwrap());
    let output = program.args(words).output();
    output.unwrap_or_else(|error| panic!("{command}: {error}"))
}
