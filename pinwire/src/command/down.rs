//! `pinwire down`: takes topologies down, whatever exists of them.

use anyhow::anyhow;

use super::up::{print_timings, say_busy};
use crate::cli::DownOptions;
use crate::engine::{self, Progress};
use crate::error::chains;
use crate::paths::Roots;
use crate::record::{self, Lock};
use crate::target;
use pinwire_wiring::name::TopologyName;

/// Takes the named topologies down; goes on with the next where one cannot be removed whole.
pub(super) fn run(roots: &Roots, options: &DownOptions) -> anyhow::Result<()> {
    let names = names(roots, options)?;
    if names.is_empty() {
        println!("no topology is up");
    }
    let mut left = Vec::new();
    for name in &names {
        left.extend(take_down(roots, name, options)?);
    }
    let failed = left.len();
    none_left(
        &left,
        format!("{failed} things could not be removed; run the command again"),
    )
}

/// Fails where something could not be removed.
pub(super) fn none_left(left: &[String], message: impl Into<String>) -> anyhow::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    Err(anyhow!("{}", left.join("\n")).context(message.into()))
}

fn names(roots: &Roots, options: &DownOptions) -> anyhow::Result<Vec<TopologyName>> {
    if options.all {
        return Ok(record::names(roots)?);
    }
    let mut names = options.name.clone();
    for target in &options.targets {
        names.push(target::name(target)?);
    }
    Ok(names)
}

fn take_down(
    roots: &Roots,
    name: &TopologyName,
    options: &DownOptions,
) -> anyhow::Result<Vec<String>> {
    let paths = roots.topology(name);
    let existed = paths.state.exists() || paths.data.exists();
    let mut progress = Progress::default();
    let Some(lock) = Lock::take(&paths, say_busy(name), || false)? else {
        return Ok(Vec::new());
    };
    let left = engine::tear_down(&paths, lock, options.grace, &mut progress);
    let timings = progress.finish();
    if left.is_empty() {
        println!(
            "topology {name} {}",
            if existed { "is down" } else { "was not up" }
        );
    }
    if options.timings {
        print_timings(&timings)?;
    }
    Ok(chains(&left))
}
