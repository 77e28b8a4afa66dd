//! Takes a topology down, whatever of it exists: with its record or without, whole, half made or half removed.
//!
//! Everything is found by names that follow from the topology's own: its control group holds every process, its
//! namespaces and writable layers are in one tmpfs, its other files below one directory. A record adds what makes the end
//! gentle (grace periods) and quick (the host's ends of wires). It is in the tmpfs, which goes last, so that whoever is
//! killed here can be followed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use pinwire_shim::cgroup::{Cgroup, CgroupError};
use pinwire_shim::stop::{self, StopError, Target};
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::allocation::{AllocationError, end};
use pinwire_wiring::kernel::netns::{Netns, NetnsError};
use pinwire_wiring::ledger::State;
use pinwire_wiring::wire;
use pinwire_wiring::wire::{Place, Wire, WireError};

use super::memory;
use super::process;
use super::progress::Progress;
use super::vf::{self, DetachError};
use crate::error::FileError;
use crate::paths::TopologyPaths;
use crate::plan::Deployment;
use crate::record::{Lock, Record, RecordError};

/// How long containers may take to end by themselves where their pods do not say.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end killed processes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum LeftBehind {
    /// A container does not end.
    #[error(transparent)]
    Container(#[from] StopError),
    /// A control group or a process in it remains.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// A wire remains.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A virtual function is not what it was.
    #[error(transparent)]
    Vf(#[from] DetachError),
    /// What the CNI plugin wrote down, and with it who has which virtual function, cannot be read.
    #[error("cannot use the state of the CNI plugin, which says who has which virtual function")]
    Plugin(#[source] Box<AllocationError>),
    /// A network namespace remains.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// A file or directory remains, or the tmpfs of the topology's state.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// How processes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// They are killed at once: nobody waits for what half an `up` started.
    Kill,
    /// They are asked first (SIGTERM) and have this long.
    Grace(Duration),
}

/// Takes a topology down and lets go of its lock. Goes on after errors and returns them all.
pub fn tear_down(
    paths: &TopologyPaths,
    lock: Lock,
    grace: Option<Duration>,
    progress: &mut Progress,
) -> Vec<LeftBehind> {
    let (record, mut left) = match Record::read(paths) {
        Ok(record) => (record, Vec::new()),
        // Damaged, or of another version: everything is found by its name instead.
        Err(RecordError::Damaged { .. } | RecordError::Layout { .. }) => (None, Vec::new()),
        Err(error) => (None, vec![error.into()]),
    };
    let haste = match (&record, grace) {
        (_, Some(grace)) => Haste::Grace(grace),
        (Some(record), None) => Haste::Grace(grace_of(&record.deployment)),
        (None, None) => Haste::Grace(DEFAULT_GRACE),
    };
    left.extend(clear(paths, record.as_ref(), haste, progress));
    if left.is_empty() {
        left.extend(lock.remove().err().map(LeftBehind::from));
    }
    left
}

/// The longest grace period of a deployment's pods.
pub(super) fn grace_of(deployment: &Deployment) -> Duration {
    let graces = deployment
        .nodes
        .iter()
        .map(|node| node.grace.unwrap_or(DEFAULT_GRACE));
    graces.max().unwrap_or(DEFAULT_GRACE)
}

/// Removes everything of a topology, its record last. Goes on after errors and returns them all.
pub(super) fn clear(
    paths: &TopologyPaths,
    record: Option<&Record>,
    haste: Haste,
    progress: &mut Progress,
) -> Vec<LeftBehind> {
    let mut left = Vec::new();
    if let Haste::Grace(grace) = haste {
        left.extend(end_containers(paths, grace, progress));
    }
    left.extend(kill(paths, progress));
    left.extend(delete_host_ends(record, progress));
    left.extend(give_vfs_back(paths, record, progress));
    let nodes = record.map_or(1, |record| record.deployment.nodes.len());
    let data = progress.step("remove files", nodes, |_| {
        removed(&paths.data, fs::remove_dir_all(&paths.data))
    });
    left.extend(data.err().map(LeftBehind::from));
    let whole = left.is_empty();
    let dropped = progress.step("drop namespaces", nodes, |_| {
        if whole {
            memory::drop_all(&paths.state).map_err(LeftBehind::from)
        } else {
            drop_namespaces(paths)
        }
    });
    left.extend(dropped.err());
    left
}

/// Drops the network namespaces alone: the record stays for whoever removes the rest.
fn drop_namespaces(paths: &TopologyPaths) -> Result<(), LeftBehind> {
    for entry in fs::read_dir(paths.namespaces())
        .into_iter()
        .flatten()
        .flatten()
    {
        Netns::remove(&entry.path())?;
    }
    Ok(())
}

/// Asks all containers of a topology to end.
fn end_containers(
    paths: &TopologyPaths,
    grace: Duration,
    progress: &mut Progress,
) -> Vec<LeftBehind> {
    let ids: Vec<_> = fs::read_dir(paths.containers())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    progress.step("stop containers", ids.len(), |_| {
        stop(paths, ids.iter().map(String::as_str), grace)
    })
}

/// Ends some containers of a topology and removes what is theirs alone. Returns all errors.
pub(super) fn stop<'a>(
    paths: &TopologyPaths,
    ids: impl Iterator<Item = &'a str>,
    grace: Duration,
) -> Vec<LeftBehind> {
    let topology = match Cgroup::at(&paths.cgroup) {
        Ok(cgroup) => cgroup,
        Err(error) => return vec![error.into()],
    };
    let mut left = Vec::new();
    let mut targets = Vec::new();
    for id in ids {
        match topology.child(id) {
            Ok(cgroup) => targets.push(Target {
                id: id.to_owned(),
                started: process::load(paths, id),
                cgroup,
                directories: vec![paths.container(id), paths.writable(id)],
            }),
            Err(error) => left.push(error.into()),
        }
    }
    let errors = stop::stop(&targets, grace);
    left.extend(errors.into_iter().map(LeftBehind::from));
    for target in &targets {
        let log = paths.log(&target.id);
        let error = removed(&log, fs::remove_file(&log)).err();
        left.extend(error.map(LeftBehind::from));
    }
    left
}

/// Kills whatever is left in the topology's control group, zygotes and half-made containers included, and removes it.
fn kill(paths: &TopologyPaths, progress: &mut Progress) -> Option<LeftBehind> {
    let removed = progress.step("remove control groups", 1, |_| {
        let cgroup = Cgroup::at(&paths.cgroup)?;
        cgroup.kill(PATIENCE)?;
        cgroup.remove()
    });
    match removed {
        // A host without control groups has no process in one.
        Ok(()) | Err(CgroupError::None) => None,
        Err(error) => Some(error.into()),
    }
}

/// Deletes the wires that end on the host; all others die with their namespaces, which is quicker.
fn delete_host_ends(record: Option<&Record>, progress: &mut Progress) -> Vec<LeftBehind> {
    let wires: Vec<Wire> = record
        .iter()
        .flat_map(|record| &record.deployment.wires)
        .filter(|wire| wire.ends.iter().any(|end| end.place == Place::Host))
        .cloned()
        .collect();
    let errors = progress.step("delete host interfaces", wires.len(), |_| {
        wire::delete_all(&wires)
    });
    errors.into_iter().map(Into::into).collect()
}

/// Gives back all virtual functions, before their namespaces die: the kernel brings interfaces home then, but not what
/// they were. Found by the topology's name, and by the record what was about to be attached.
fn give_vfs_back(
    paths: &TopologyPaths,
    record: Option<&Record>,
    progress: &mut Progress,
) -> Vec<LeftBehind> {
    let state = State::at(&paths.plugin);
    let mut names = match end::attached(&state, &paths.name) {
        Ok(names) => names,
        Err(error) => return vec![LeftBehind::Plugin(Box::new(error))],
    };
    let planned = record
        .iter()
        .flat_map(|record| &record.deployment.functions);
    for name in planned.map(VfEnd::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let errors = progress.step("give functions back", names.len(), |bar| {
        vf::detach(paths, names, bar)
    });
    let mut left: Vec<LeftBehind> = errors.into_iter().map(Into::into).collect();
    let tidied = end::tidy(&state).err();
    left.extend(tidied.map(|error| LeftBehind::Plugin(Box::new(error))));
    left
}

/// What is gone already is no error.
fn removed(path: &Path, result: io::Result<()>) -> Result<(), FileError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::on("remove", path)(error))
        }
        _ => Ok(()),
    }
}
