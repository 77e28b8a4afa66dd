//! `pinwire list`: which topologies there are.

use serde::Serialize;

use crate::cli::{ListOptions, Output};
use crate::engine::process;
use crate::output;
use crate::paths::Roots;
use crate::plan::Mode;
use crate::record::{self, Record, State};

/// One topology.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    state: &'static str,
    mode: Option<Mode>,
    nodes: usize,
    wires: usize,
    containers: usize,
    running: usize,
}

/// Lists topologies.
pub(super) fn run(roots: &Roots, options: &ListOptions) -> anyhow::Result<()> {
    let names = record::names(roots)?;
    let lines: Vec<_> = names.iter().map(|name| line(roots, name)).collect();
    match options.output {
        Output::Json => output::json(&lines)?,
        Output::Table => output::table(
            ["TOPOLOGY", "STATE", "NODES", "WIRES", "CONTAINERS"],
            lines.into_iter().map(|line| {
                let containers = match line.mode {
                    Some(Mode::Container) => {
                        format!("{}/{} running", line.running, line.containers)
                    }
                    _ => "-".to_owned(),
                };
                [
                    line.name,
                    line.state.to_owned(),
                    line.nodes.to_string(),
                    line.wires.to_string(),
                    containers,
                ]
            }),
        )?,
    }
    Ok(())
}

fn line(roots: &Roots, name: &pinwire_wiring::name::TopologyName) -> Line {
    let paths = roots.topology(name);
    let name = name.to_string();
    let none = |state| Line {
        name: name.clone(),
        state,
        mode: None,
        nodes: 0,
        wires: 0,
        containers: 0,
        running: 0,
    };
    match Record::read(&paths) {
        Err(_) => none("damaged"),
        Ok(None) => none("remnant"),
        Ok(Some(record)) => {
            let deployment = record.deployment;
            let containers: Vec<_> = deployment
                .nodes
                .iter()
                .flat_map(|node| &node.containers)
                .collect();
            let running = containers
                .iter()
                .filter(|container| process::running(&paths, &container.id).is_some());
            Line {
                state: if record.state == State::Up {
                    "up"
                } else {
                    "changing"
                },
                mode: Some(deployment.mode),
                nodes: deployment.nodes.len(),
                wires: deployment.wires.len(),
                running: running.count(),
                containers: containers.len(),
                name,
            }
        }
    }
}
