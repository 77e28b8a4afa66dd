//! `pinwire validate`: checks manifests and touches nothing.

use serde::Serialize;

use crate::cli::{Output, ValidateOptions};
use crate::diagnostic::Diagnostic;
use crate::failure::{self, Failure};
use crate::output;
use crate::topology;

/// What was found.
#[derive(Serialize)]
struct Findings<'a> {
    valid: bool,
    topology: Option<&'a str>,
    findings: &'a [Diagnostic],
}

/// Prints what is wrong with the manifests; fails where anything is.
pub(super) fn run(options: &ValidateOptions) -> anyhow::Result<()> {
    let result = topology::load(&options.files, None);
    if options.output == Output::Json {
        let (topology, findings) = match &result {
            Ok((topology, warnings)) => (Some(topology.name.as_str()), warnings),
            Err(errors) => (None, errors),
        };
        output::json(&Findings {
            valid: topology.is_some(),
            topology,
            findings,
        })?;
        return match result {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::Manifest(Vec::new()).into()),
        };
    }
    let (topology, warnings) = result.map_err(Failure::Manifest)?;
    failure::report_findings(&warnings);
    let links: usize = topology.nodes.iter().map(|node| node.links.len()).sum();
    println!(
        "topology {} is valid: {} nodes, {links} ends of links",
        topology.name,
        topology.nodes.len()
    );
    Ok(())
}
