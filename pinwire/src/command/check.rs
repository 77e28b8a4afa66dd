//! `pinwire check`: says what this host lacks.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;

use crate::check::{self, Finding, Status, facts};
use crate::cli::{CheckOptions, Output};
use crate::output;

/// Prints what was found; fails where something is missing that was asked for.
pub(super) fn run(options: &CheckOptions) -> anyhow::Result<ExitCode> {
    let root = options.root.as_deref().unwrap_or(Path::new("/"));
    let facts = facts::read(root)?;
    let findings = check::findings(&facts);
    match options.output {
        Output::Json => output::json(&findings)?,
        Output::Table => output::table(["WHAT", "", "FOUND", "WHY"], findings.iter().map(row))?,
    }
    let missing: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.fails(&options.purposes))
        .map(|finding| finding.subject.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let purposes = options
        .purposes
        .iter()
        .filter_map(ValueEnum::to_possible_value);
    let purposes: Vec<_> = purposes.map(|value| value.get_name().to_owned()).collect();
    bail!(
        "missing for {}: {}",
        purposes.join(" and "),
        missing.join("; ")
    );
}

fn row(finding: &Finding) -> [String; 4] {
    let status = match finding.status {
        Status::Ok => "ok",
        Status::Missing => "missing",
        Status::Note => "",
    };
    [
        finding.subject.clone(),
        status.to_owned(),
        finding.found.clone(),
        finding.reason.clone(),
    ]
}
