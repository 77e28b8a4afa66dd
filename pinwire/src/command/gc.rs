//! `pinwire gc`: removes what commands that were killed left behind, and nothing else.

use std::collections::BTreeSet;

use pinwire_cni::plugin::gc;
use pinwire_shim::cgroup::{Cgroup, CgroupError};
use pinwire_wiring::ledger::AttachmentName;
use pinwire_wiring::name::TopologyName;

use super::down::none_left;
use crate::cli::GcOptions;
use crate::engine::{self, Progress};
use crate::error::chains;
use crate::image::Store;
use crate::paths::Roots;
use crate::record::{self, Lock, Record, State};

/// Removes every topology that no command is working on and whose record does not say that it is up, what the CNI plugin
/// attached to containers that are gone, and layers that no image has.
pub(super) fn run(roots: &Roots, options: &GcOptions) -> anyhow::Result<()> {
    let (topologies, mut left) = topologies(roots, options.dry_run)?;
    let (attachments, errors) = attachments(roots, options.dry_run)?;
    left.extend(errors);
    let mut removed = topologies + attachments;
    if !options.dry_run && roots.data.exists() {
        let store = Store::open(&roots.data)?;
        let in_use = in_use(roots)?;
        let reclaimed = store.prune(&in_use)?;
        removed += reclaimed.layers.len() + reclaimed.partial;
    }
    if removed == 0 && left.is_empty() {
        println!("nothing was left behind");
    }
    none_left(&left, "something could not be removed")
}

/// Removes topologies; how many, and what could not be removed.
fn topologies(roots: &Roots, dry_run: bool) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut removed, mut left) = (0, Vec::new());
    for name in candidates(roots)? {
        let paths = roots.topology(&name);
        let Ok(lock) = Lock::try_take(&paths)? else {
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
            lock.remove()?;
            continue;
        }
        let errors = engine::tear_down(&paths, lock, None, &mut Progress::default());
        if errors.is_empty() {
            println!("removed what was left of topology {name}");
        }
        left.extend(chains(&errors));
    }
    Ok((removed, left))
}

/// Removes what the CNI plugin attached to containers that are gone, for runtimes that never ask it to; how many
/// attachments, and what could not be removed.
fn attachments(roots: &Roots, dry_run: bool) -> anyhow::Result<(usize, Vec<String>)> {
    let state = pinwire_wiring::ledger::State::at(roots.plugin());
    let (stale, errors) = gc::stale(&state)?;
    let mut left = chains(&errors);
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
        left.extend(chains(&errors));
    }
    if !dry_run {
        left.extend(chains(&gc::tidy(&state)));
    }
    Ok((found, left))
}

/// Whatever may be a topology: directories, and locks and control groups whose directories are gone.
fn candidates(roots: &Roots) -> anyhow::Result<BTreeSet<TopologyName>> {
    let mut names: BTreeSet<_> = record::names(roots)?.into_iter().collect();
    names.extend(record::locked(roots)?);
    match Cgroup::at(&roots.cgroup()).and_then(|cgroup| cgroup.children()) {
        Ok(children) => names.extend(
            children
                .iter()
                .filter_map(|name| name.parse::<TopologyName>().ok()),
        ),
        Err(CgroupError::None) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(names)
}

/// Layers of the topologies that are up.
pub(super) fn in_use(roots: &Roots) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut layers = BTreeSet::new();
    for name in record::names(roots)? {
        if let Some(record) = Record::read(&roots.topology(&name))? {
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
