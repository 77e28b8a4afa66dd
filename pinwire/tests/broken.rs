//! Manifests that must be refused, and what is said about them: each message tells what, where, and what to do.
//! The snapshots beside the manifests were read by a person; `INSTA_UPDATE=always` rewrites them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use pinwire::diagnostic::{self, Diagnostic};
use pinwire::topology::{self, Topology};

fn manifests(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(directory);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    files
}

fn parse(file: &Path) -> Result<(Topology, Vec<Diagnostic>), Vec<Diagnostic>> {
    let name = file.file_name().unwrap().to_str().unwrap();
    topology::parse([(name, fs::read(file).unwrap())], None)
}

fn snapshot(file: &Path, directory: &str, diagnostics: &[Diagnostic]) {
    let rendered: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(stem, rendered.join("\n\n")));
}

#[test]
fn broken_manifests_are_refused_with_a_message() {
    let files = manifests("broken");
    assert!(files.len() >= 40, "only {} manifests", files.len());
    for file in files {
        let Err(diagnostics) = parse(&file) else {
            panic!("{} is accepted", file.display())
        };
        assert!(diagnostic::any_error(&diagnostics), "{}", file.display());
        snapshot(&file, "broken", &diagnostics);
    }
}

#[test]
fn unusual_manifests_are_accepted_with_their_warnings() {
    for file in manifests("accepted") {
        match parse(&file) {
            Ok((_, warnings)) => snapshot(&file, "accepted", &warnings),
            Err(diagnostics) => panic!(
                "{}",
                diagnostics
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            ),
        }
    }
}
