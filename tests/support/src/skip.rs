//! The one rule for a test that cannot run here: it says why, and fails where the variable `CI` is set and not empty, so that
//! no pipeline is green by running nothing. Nothing else in the tests looks at `CI`.

use std::io::Write;
use std::process::{Command, Stdio};

/// Says why a test cannot run here. The test returns after that.
///
/// # Panics
/// Where `CI` is set and not empty.
pub fn skip(why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!is_ci, "this test cannot run here: {why}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not eprintln!, whose text the test harness hides when a test ends well.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Whether the test runs as root; otherwise it is skipped.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip("it needs root, for namespaces and file owners: `make test` asks for it");
    }
    root
}

/// Whether a program can be run; otherwise the test is skipped.
pub fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null());
    let found = command.output().is_ok();
    if !found {
        skip(&format!(
            "there is no {program}: run `tests/packages test`, or `apt-get install {program}`"
        ));
    }
    found
}
