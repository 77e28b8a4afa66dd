//! The commands that docs/cni.md gives for containerd, as it gives them.
//!
//! They are the lines after `$` of its blocks `console containerd`: those with `make` install, the others load the image.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::isolation::executables;

const DOCUMENT: &str = include_str!("../../docs/cni.md");

/// Runs those that install.
pub(crate) fn install() {
    run(
        |command| command.starts_with("make "),
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")),
    );
}

/// Runs those that load the node image.
pub(crate) fn load_image() {
    run(|command| command.contains("image"), Path::new("/mnt"));
}

fn run(wanted: impl Fn(&str) -> bool, directory: &Path) {
    let commands: Vec<&str> = commands().filter(|command| wanted(command)).collect();
    assert!(!commands.is_empty(), "docs/cni.md has no such command");
    for command in commands {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", command])
            .current_dir(directory)
            // Not the release that `make build` builds, but what was built for this test.
            .env("RELEASE", executables())
            .stdin(Stdio::null());
        let output = shell.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {text}{error}");
    }
}

fn commands() -> impl Iterator<Item = &'static str> {
    let blocks = DOCUMENT.split("```console containerd\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines.filter_map(|line| line.strip_prefix("$ "))
}
