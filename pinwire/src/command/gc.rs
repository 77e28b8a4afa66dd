//! `pinwire gc`: removes what commands that were killed left behind, and nothing else.

use std::collections::BTreeSet;

use anyhow::anyhow;
use pinwire_cni::plugin::gc;
use pinwire_shim::cgroup::{Cgroup, CgroupError};
use pinwire_wiring::ledger::AttachmentName;
use pinwire_wiring::name::TopologyName;

use crate::cli::Gc as Options;
use crate::engine::{self, Progress, chain};
use crate::failure::Failure;
use crate::image::Store;
use crate::paths::Roots;
use crate::record::{self, Lock, Record, State};

/// Removes every topology that no command is working on and whose record does not say that it is up, what the CNI plugin
/// attached to containers that are gone, and layers that no image has.
pub(super) fn run(roots: &Roots, options: &Options) -> Result<(), Failure> {
    let (topologies, mut left) = topologies(roots, options.dry_run)?;
    let (attachments, errors) = attachments(roots, options.dry_run)?;
    left.extend(errors);
    let mut removed = topologies + attachments;
    if !options.dry_run && roots.data.exists() {
        let store = Store::open(&roots.data).map_err(anyhow::Error::from)?;
        let in_use = in_use(roots)?;
        let reclaimed = store.prune(&in_use).map_err(anyhow::Error::from)?;
        removed += reclaimed.layers.len() + reclaimed.partial;
    }
    if removed == 0 && left.is_empty() {
        println!("nothing was left behind");
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(anyhow!("{}", left.join("\n"))
        .context("something could not be removed")
        .into())
}

/// Removes topologies; how many, and what could not be removed.
fn topologies(roots: &Roots, dry_run: bool) -> Result<(usize, Vec<String>), Failure> {
    let (mut removed, mut left) = (0, Vec::new());
    for name in candidates(roots)? {
        let paths = roots.topology(&name);
        let Ok(lock) = Lock::try_take(&paths).map_err(anyhow::Error::from)? else {
            continue;
        };
        if matches!(
            Record::read(&paths),
            Ok(Some(Record {
                state: State::Up,
                ..
            }))
        ) {
            continue;
        }
        removed += 1;
        if dry_run {
            println!("would remove what is left of topology {name}");
            lock.remove().map_err(anyhow::Error::from)?;
            continue;
        }
        let errors = engine::tear_down(&paths, lock, None, &mut Progress::default());
        if errors.is_empty() {
            println!("removed what was left of topology {name}");
        }
        left.extend(errors.iter().map(|error| chain(error)));
    }
    Ok((removed, left))
}

/// Removes what the CNI plugin attached to containers that are gone, for runtimes that never ask it to; how many
/// attachments, and what could not be removed.
fn attachments(roots: &Roots, dry_run: bool) -> Result<(usize, Vec<String>), Failure> {
    let state = pinwire_wiring::ledger::State::at(roots.plugin());
    let (stale, errors) = gc::stale(&state).map_err(anyhow::Error::from)?;
    let mut left: Vec<_> = errors.iter().map(|error| chain(error)).collect();
    let found = stale.len();
    for attachment in stale {
        let AttachmentName {
            network,
            container,
            interface,
        } = &attachment.name;
        let what = format!("interface {interface} of container {container} on network {network}");
        if dry_run {
            println!("would remove what is left of {what}");
            continue;
        }
        let errors = gc::discard(&state, attachment);
        if errors.is_empty() {
            println!("removed what was left of {what}");
        }
        left.extend(errors.iter().map(|error| chain(error)));
    }
    if !dry_run {
        let errors = gc::tidy(&state);
        left.extend(errors.iter().map(|error| chain(error)));
    }
    Ok((found, left))
}

/// Whatever may be a topology: directories, and locks and control groups whose directories are gone.
fn candidates(roots: &Roots) -> Result<BTreeSet<TopologyName>, Failure> {
    let mut names: BTreeSet<_> = record::names(roots)
        .map_err(anyhow::Error::from)?
        .into_iter()
        .collect();
    names.extend(record::locked(roots).map_err(anyhow::Error::from)?);
    match Cgroup::at(&roots.cgroup()).and_then(|cgroup| cgroup.children()) {
        Ok(children) => names.extend(
            children
                .iter()
                .filter_map(|name| name.parse::<TopologyName>().ok()),
        ),
        Err(CgroupError::None) => {}
        Err(error) => return Err(anyhow::Error::from(error).into()),
    }
    Ok(names)
}

/// Layers of the topologies that are up.
pub(super) fn in_use(roots: &Roots) -> Result<Vec<std::path::PathBuf>, Failure> {
    let mut layers = BTreeSet::new();
    for name in record::names(roots).map_err(anyhow::Error::from)? {
        if let Some(record) = Record::read(&roots.topology(&name)).map_err(anyhow::Error::from)? {
            let containers = record
                .deployment
                .nodes
                .iter()
                .flat_map(|node| &node.containers);
            layers.extend(containers.flat_map(|container| container.image.layers.iter().cloned()));
        }
    }
    Ok(layers.into_iter().collect())
}
