//! How a command fails: what is printed, and the exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::diagnostic::{self, Diagnostic, Severity};
use crate::target::TargetError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// Something failed while it ran: exit code 1.
    Runtime(anyhow::Error),
    /// A manifest is wrong: exit code 3.
    Manifest(Vec<Diagnostic>),
    /// The file of pools is wrong: exit code 3.
    Pools(Vec<Diagnostic>),
    /// There is no such topology, node or container: exit code 4.
    Target(TargetError),
    /// `exec` itself failed: exit code 125.
    Exec(anyhow::Error),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Runtime(_) => 1,
            Self::Manifest(_) | Self::Pools(_) => 3,
            Self::Target(_) => 4,
            Self::Exec(_) => 125,
        })
    }

    /// Prints what went wrong on standard error.
    pub fn report(&self) {
        match self {
            Self::Runtime(error) | Self::Exec(error) => {
                anstream::eprintln!("{ERROR}error{ERROR:#}: {}", causes(error.as_ref()));
                if let Some(hint) = hint(error) {
                    anstream::eprintln!("{HINT}hint{HINT:#}: {hint}");
                }
            }
            Self::Manifest(findings) => report_findings(findings),
            Self::Pools(findings) => report(findings, "the file of pools"),
            Self::Target(error) => anstream::eprintln!("{ERROR}error{ERROR:#}: {}", causes(error)),
        }
    }
}

/// Prints findings of manifests on standard error, and how many errors there are.
pub fn report_findings(findings: &[Diagnostic]) {
    report(findings, "the manifest");
}

fn report(findings: &[Diagnostic], of: &str) {
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

/// An error with each of its causes on a line of its own.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, "\n  because: {error}");
        cause = error.source();
    }
    text
}

/// What to do about some errors of the system that have one cause nearly always.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let kinds = error.chain().filter_map(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
    });
    let errnos = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<nix::errno::Errno>());
    let mut denied = kinds
        .map(|kind| kind == std::io::ErrorKind::PermissionDenied)
        .chain(
            errnos
                .map(|errno| matches!(errno, nix::errno::Errno::EPERM | nix::errno::Errno::EACCES)),
        );
    denied
        .any(|denied| denied)
        .then_some("pinwire makes network namespaces and control groups: run it as root")
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Manifest(findings) => Self::Manifest(findings),
            error => Self::Target(error),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Runtime(error.into())
    }
}
