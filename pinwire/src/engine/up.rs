//! Brings a deployment up, or changes a running one into it; whatever fails is undone.

use std::time::Duration;

use pinwire_shim::cgroup::{Cgroup, CgroupError};
use pinwire_shim::zygote::{Zygote, ZygoteError};
use pinwire_wiring::wire::Place;
use serde::Serialize;

use super::down::{self, Haste};
use super::execute::{Executor, StepError};
use super::memory;
use super::observe::{self, ObserveError};
use super::parallel;
use super::progress::{Progress, Timing};
use crate::change::{Changes, Counts, Observed};
use crate::error::{FileError, chains};
use crate::interrupt::Interrupt;
use crate::paths::TopologyPaths;
use crate::plan::Deployment;
use crate::record::{Lock, Record, RecordError, State};

/// What an `up` did.
#[derive(Clone, Debug, Serialize)]
pub struct UpReport {
    /// The topology.
    pub topology: String,
    /// How many nodes and wires it has now.
    pub nodes: usize,
    /// How many wires it has now.
    pub wires: usize,
    /// What had to be changed.
    pub changes: Counts,
    /// How long each step took.
    pub timings: Vec<Timing>,
}

/// Why a deployment is not up.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum UpError {
    /// The record or the lock cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What exists cannot be seen.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// An interface of the host stands in the way.
    #[error(
        "this host has an interface `{interface}` already, which a link of the topology wants to be called; rename one of them"
    )]
    HostInterface { interface: String },
    /// The directory of the topology's state cannot be made.
    #[error("cannot prepare the topology's state")]
    State(#[from] FileError),
    /// The processes that make containers cannot be started.
    #[error("cannot prepare to start containers")]
    Zygote(#[from] ZygoteError),
    /// The control group of the topology cannot be found.
    #[error("cannot find the control groups of this host")]
    Cgroup(#[from] CgroupError),
    /// Somebody asked for an end before anything was changed.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// Signals cannot be held back.
    #[error("cannot hold signals back (signalfd)")]
    Signals(#[from] nix::errno::Errno),
    /// A step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Something failed; everything that was changed is undone.
    #[error("everything that was changed is undone")]
    Undone(#[source] Box<UpError>),
    /// Something failed, and so did undoing it.
    #[error(
        "what was changed could not all be undone, `pinwire down` removes the rest: {}",
        left.join("; ")
    )]
    NotUndone {
        source: Box<UpError>,
        /// What failed while it was undone.
        left: Vec<String>,
    },
    /// What an earlier, interrupted command left cannot be removed.
    #[error("what an interrupted command left behind cannot be removed: {}", .0.join("; "))]
    LeftBehind(Vec<String>),
}

/// Brings topologies up.
#[derive(Debug)]
pub struct Up<'a> {
    /// Where the topology's things are.
    pub paths: &'a TopologyPaths,
    /// Told how far the work is.
    pub progress: Progress,
}

impl Up<'_> {
    /// What would be changed; nothing is.
    ///
    /// # Errors
    /// [`UpError::Record`], [`UpError::Observe`], [`UpError::HostInterface`].
    pub fn rehearse(&self, wanted: &Deployment) -> Result<Changes, UpError> {
        let old = match Record::read(self.paths)? {
            Some(Record {
                state: State::Up,
                deployment,
                ..
            }) => deployment,
            // What an interrupted command left is removed first.
            _ => Deployment::empty(wanted.name.clone(), wanted.mode),
        };
        let observed = observe::observe(&old, self.paths)?;
        let changes = Changes::between(&old, &observed, wanted);
        check_host(&changes)?;
        Ok(changes)
    }

    /// Makes what exists what is wanted. Waits for another command that changes the topology; `busy` is told its pid.
    ///
    /// # Errors
    /// [`UpError`]; but for [`UpError::NotUndone`] and [`UpError::LeftBehind`] all is as before.
    pub fn carry_out(
        mut self,
        wanted: &Deployment,
        busy: impl FnOnce(u32),
    ) -> Result<UpReport, UpError> {
        let interrupt = Interrupt::hold()?;
        let lock =
            Lock::take(self.paths, busy, || interrupt.is_pending())?.ok_or(UpError::Interrupted)?;
        let (old, observed) = self.find(wanted)?;
        let changes = Changes::between(&old, &observed, wanted);
        let result = if changes.is_empty() {
            Ok(())
        } else {
            check_host(&changes).and_then(|()| self.change(&old, wanted, &changes, &interrupt))
        };
        if let Err(error) = result {
            if old.nodes.is_empty() && !self.paths.record().exists() {
                lock.remove()?;
            }
            return Err(error);
        }
        Ok(UpReport {
            topology: wanted.name.to_string(),
            nodes: wanted.nodes.len(),
            wires: wanted.wires.len(),
            changes: changes.counts(),
            timings: self.progress.finish(),
        })
    }

    /// What exists: the record and what the kernel says of it. What an interrupted command left is removed.
    fn find(&mut self, wanted: &Deployment) -> Result<(Deployment, Observed), UpError> {
        let record = Record::read(self.paths)?;
        if let Some(Record {
            state: State::Up,
            deployment,
            ..
        }) = record
        {
            let paths = self.paths;
            let observed = self.progress.step("look", deployment.nodes.len(), |_| {
                observe::observe(&deployment, paths)
            })?;
            return Ok((deployment, observed));
        }
        let left = down::clear(self.paths, record.as_ref(), Haste::Kill, &mut self.progress);
        if !left.is_empty() {
            return Err(UpError::LeftBehind(chains(&left)));
        }
        Ok((
            Deployment::empty(wanted.name.clone(), wanted.mode),
            Observed::default(),
        ))
    }

    fn change(
        &mut self,
        old: &Deployment,
        wanted: &Deployment,
        changes: &Changes,
        interrupt: &Interrupt,
    ) -> Result<(), UpError> {
        let record = Record::new(State::Changing, old.union(wanted));
        let grace = down::grace_of(old);
        let done = memory::make(&self.paths.state)
            .map_err(UpError::from)
            .and_then(|()| Ok(record.write(self.paths)?))
            .and_then(|()| self.execute(changes, Some(interrupt), grace))
            .and_then(|()| Ok(Record::new(State::Up, wanted.clone()).write(self.paths)?));
        let Err(source) = done else { return Ok(()) };
        let source = Box::new(source);
        let left = if old.nodes.is_empty() {
            chains(&down::clear(
                self.paths,
                Some(&record),
                Haste::Kill,
                &mut self.progress,
            ))
        } else {
            let restored = self.restore(&record.deployment, old, grace);
            chains(restored.err().as_slice())
        };
        if left.is_empty() {
            Err(UpError::Undone(source))
        } else {
            Err(UpError::NotUndone { source, left })
        }
    }

    /// Leads from whatever of `both` exists back to the deployment that was up before.
    fn restore(
        &mut self,
        both: &Deployment,
        old: &Deployment,
        grace: Duration,
    ) -> Result<(), UpError> {
        let observed = observe::observe(both, self.paths)?;
        let back = Changes::between(both, &observed, old);
        self.execute(&back, None, grace)?;
        Ok(Record::new(State::Up, old.clone()).write(self.paths)?)
    }

    fn execute(
        &mut self,
        changes: &Changes,
        interrupt: Option<&Interrupt>,
        grace: Duration,
    ) -> Result<(), UpError> {
        let mut zygotes = self.fork(changes.start.len())?;
        let mut executor = Executor {
            paths: self.paths,
            zygotes: &mut zygotes,
            interrupt,
            progress: &mut self.progress,
            grace,
        };
        Ok(executor.carry_out(changes)?)
    }

    /// Forks the processes that make `count` containers, after the state's tmpfs was mounted, which they must see, and while
    /// this process has one thread.
    fn fork(&mut self, count: usize) -> Result<Vec<Zygote>, UpError> {
        let width = parallel::width().min(count);
        let paths = self.paths;
        self.progress.step("fork zygotes", width, |_| {
            if width == 0 {
                return Ok(Vec::new());
            }
            let cgroup = Cgroup::at(&paths.cgroup)?;
            (0..width)
                .map(|index| Ok(Zygote::fork(&cgroup, index)?))
                .collect()
        })
    }
}

/// Refuses, before anything is changed, to make an interface on the host that is there already and not the topology's.
fn check_host(changes: &Changes) -> Result<(), UpError> {
    let wanted: Vec<_> = changes
        .connect
        .iter()
        .flat_map(|wire| &wire.ends)
        .filter(|end| end.place == Place::Host)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let found = observe::look_at_host()?;
    for end in wanted {
        let foreign = found
            .link(end.interface.as_str())
            .is_some_and(|link| !link.altnames.contains(&end.altname));
        if foreign {
            return Err(UpError::HostInterface {
                interface: end.interface.to_string(),
            });
        }
    }
    Ok(())
}
