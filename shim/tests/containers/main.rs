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
use std::time::Instant;

use pinwire_support::skip::is_root;

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
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    args.retain(|arg| !arg.starts_with('-'));
    if !is_root() {
        return ExitCode::SUCCESS;
    }
    let selected = tests
        .iter()
        .filter(|(name, _)| args.is_empty() || args.iter().any(|arg| name.contains(arg.as_str())));
    let passed: Vec<bool> = selected.map(|(name, _)| run_apart(name)).collect();
    let failed = passed.iter().filter(|passed| !**passed).count();
    let passed = passed.len() - failed;
    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {outcome}. {passed} passed; {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn run_apart(name: &str) -> bool {
    let start = Instant::now();
    let output = Command::new("/proc/self/exe")
        .env(TEST, name)
        .output()
        .expect("this program runs again");
    let passed = output.status.success();
    let outcome = if passed { "ok" } else { "FAILED" };
    println!(
        "test {name} ... {outcome} <{:.3}s>",
        start.elapsed().as_secs_f64()
    );
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
