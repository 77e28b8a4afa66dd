//! Real containers on the real kernel, as root. Each test is a process of its own, since zygotes are forked from
//! processes with one thread, in fresh mount and network namespaces, and ends by proving that nothing is left.
//!
//! `cargo test -p pinwire-shim --test containers [-- FILTER]`
#![expect(
    clippy::unwrap_used,
    reason = "a test panics where anything is not as it should be"
)]

/// The tests of a file, by their names.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), $name)),*];
    };
}
use tests;

mod confinement;
mod exec;
mod failure;
mod lifecycle;
mod node;
mod part;
mod resource;
mod terminal;

use std::process::{Command, ExitCode};

/// Names the test that a process is to run.
const TEST: &str = "PINWIRE_TEST";

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let tests: Vec<Test> = [
        confinement::TESTS,
        resource::TESTS,
        exec::TESTS,
        terminal::TESTS,
        lifecycle::TESTS,
        failure::TESTS,
    ]
    .concat();
    if let Ok(name) = std::env::var(TEST) {
        return run_one(&tests, &name);
    }
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    if std::env::args().any(|arg| arg == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!(
            "SKIPPED: containers need root; {} tests were not run",
            tests.len()
        );
        // A pipeline that runs nothing must not look like one that passed.
        return if std::env::var_os("CI").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    let selected = tests
        .iter()
        .filter(|(name, _)| args.is_empty() || args.iter().any(|arg| name.contains(arg.as_str())));
    let failed = selected.filter(|(name, _)| !run_apart(name)).count();
    println!("\n{failed} tests failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_apart(name: &str) -> bool {
    let output = Command::new("/proc/self/exe")
        .env(TEST, name)
        .output()
        .expect("this program runs again");
    let passed = output.status.success();
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    if !passed {
        print!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    passed
}

fn run_one(tests: &[Test], name: &str) -> ExitCode {
    if let Some(part) = name.strip_prefix(part::PART) {
        return part::play(part);
    }
    if name == failure::COMMAND {
        return failure::play();
    }
    let Some((_, test)) = tests.iter().find(|(other, _)| *other == name) else {
        return ExitCode::FAILURE;
    };
    node::isolate();
    test();
    ExitCode::SUCCESS
}
