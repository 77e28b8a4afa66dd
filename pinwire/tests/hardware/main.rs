//! What `pinwire` says of SR-IOV hardware, on directory trees that look like sysfs: `vf`, `check`, and files of pools. What
//! a real card does is tested in the lab machine.

#![expect(
    clippy::unwrap_used,
    reason = "a test that finds something else than it expects ends"
)]

mod check;
mod pools;
#[expect(
    dead_code,
    reason = "the library's own tests use all of it, these a part"
)]
#[path = "../../../wiring/tests/functions/tree.rs"]
mod tree;
mod vf;

use std::path::Path;
use std::process::Command;

/// Runs `pinwire` with a state directory of its own; its exit code, standard output and standard error.
fn pinwire(state: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pinwire"))
        .args(arguments)
        .env("PINWIRE_STATE_DIR", state)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}
