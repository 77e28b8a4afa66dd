//! `pinwire down`: takes topologies down, whatever exists of them.

use anyhow::anyhow;

use super::up::print_timings;
use crate::cli::Down as Options;
use crate::engine::{self, Progress, chain};
use crate::failure::Failure;
use crate::paths::Roots;
use crate::record::{self, Lock};
use crate::target;
use pinwire_wiring::name::TopologyName;

/// Takes the named topologies down; goes on with the next where one cannot be removed whole.
pub(super) fn run(roots: &Roots, options: &Options) -> Result<(), Failure> {
    let names = names(roots, options)?;
    if names.is_empty() {
        println!("no topology is up");
    }
    let mut left = Vec::new();
    for name in &names {
        left.extend(take_down(roots, name, options)?);
    }
    if left.is_empty() {
        return Ok(());
    }
    let failed = left.len();
    Err(anyhow!("{}", left.join("\n"))
        .context(format!(
            "{failed} things could not be removed; run the command again"
        ))
        .into())
}

fn names(roots: &Roots, options: &Options) -> Result<Vec<TopologyName>, Failure> {
    if options.all {
        return Ok(record::names(roots).map_err(anyhow::Error::from)?);
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
    options: &Options,
) -> Result<Vec<String>, Failure> {
    let paths = roots.topology(name);
    let existed = paths.state.exists() || paths.data.exists();
    let mut progress = Progress::default();
    let waiting = |holder| {
        anstream::eprintln!("topology `{name}` is being changed by process {holder}; waiting");
    };
    let Some(lock) = Lock::take(&paths, waiting, || false).map_err(anyhow::Error::from)? else {
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
    Ok(left.iter().map(|error| chain(error)).collect())
}
