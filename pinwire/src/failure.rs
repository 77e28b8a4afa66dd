//! How a command fails: what is printed, and the exit code.

use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use nix::errno::Errno;

use crate::diagnostic::{self, Diagnostic, Severity};
use crate::error::joined;
use crate::target::TargetError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// How a command fails that has an exit code of its own, unless it is a [`TargetError`]; all others are reported alike.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A manifest is wrong: exit code 3.
    #[error("the manifest is wrong")]
    Manifest(Vec<Diagnostic>),
    /// The file of pools is wrong: exit code 3.
    #[error("the file of pools is wrong")]
    Pools(Vec<Diagnostic>),
    /// `exec` itself failed: exit code 125.
    #[error("the command was not run")]
    Exec(#[source] anyhow::Error),
}

/// Prints on standard error why a command did not do what it was asked for; its exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let target = error.downcast_ref::<TargetError>();
    match (error.downcast_ref::<Failure>(), target) {
        (Some(Failure::Manifest(findings)), _) | (_, Some(TargetError::Manifest(findings))) => {
            report_findings(findings);
            ExitCode::from(3)
        }
        (Some(Failure::Pools(findings)), _) => {
            report_of(findings, "the file of pools");
            ExitCode::from(3)
        }
        // There is no such topology, node or container.
        (None, Some(_)) => {
            anstream::eprintln!("{ERROR}error{ERROR:#}: {}", causes(error));
            ExitCode::from(4)
        }
        (Some(Failure::Exec(error)), _) => {
            report_error(error);
            ExitCode::from(125)
        }
        (None, None) => {
            report_error(error);
            ExitCode::FAILURE
        }
    }
}

fn report_error(error: &anyhow::Error) {
    anstream::eprintln!("{ERROR}error{ERROR:#}: {}", causes(error));
    if let Some(hint) = hint(error) {
        anstream::eprintln!("{HINT}hint{HINT:#}: {hint}");
    }
}

/// An error with each of its causes on a line of its own.
fn causes(error: &anyhow::Error) -> String {
    joined(error.as_ref(), "\n  because: ")
}

/// Prints findings of manifests on standard error, and how many errors there are.
pub fn report_findings(findings: &[Diagnostic]) {
    report_of(findings, "the manifest");
}

fn report_of(findings: &[Diagnostic], of: &str) {
    diagnostic::print_all(findings);
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let errors = match errors {
        0 => return,
        1 => "an error".to_owned(),
        errors => format!("{errors} errors"),
    };
    anstream::eprintln!("{ERROR}error{ERROR:#}: {of} has {errors}; nothing was changed");
}

/// What to do about some errors of the system that have one cause nearly always.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let denied = error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        let errno = cause.downcast_ref::<Errno>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            || matches!(errno, Some(Errno::EPERM | Errno::EACCES))
    });
    denied.then_some("pinwire makes network namespaces and control groups: run it as root")
}
