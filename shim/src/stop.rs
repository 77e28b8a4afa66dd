//! Stops containers, many at once: asks all to end, waits for all together, kills the rest, and removes what they leave.
//! Whatever cannot be done for one is reported at the end and keeps no other from being stopped.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::cgroup::{Cgroup, CgroupError};
use crate::process::{ProcessError, Started};

/// For how long SIGKILL may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A container to be stopped.
#[derive(Clone, Debug)]
pub struct Target {
    /// Names it in errors.
    pub id: String,
    /// Its first process; `None` where it was never started.
    pub started: Option<Started>,
    /// Its control group.
    pub cgroup: Cgroup,
    /// What is removed once nothing of it runs: the directories of [`crate::zygote::StartRequest`].
    pub directories: Vec<PathBuf>,
}

/// What went wrong with one container.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step} the container `{id}`")]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub struct StopError {
    pub id: String,
    pub step: &'static str,
    pub source: StopCause,
}

/// Why a container cannot be stopped or removed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StopCause {
    /// Its process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its control group.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The wait for its end.
    #[error("failed to wait for processes (poll)")]
    Wait(#[source] io::Error),
    /// One of its directories.
    #[error("failed to remove {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
}

/// Sends SIGTERM to all, gives all together `grace` to end, kills those that have not, and removes control groups and
/// directories. A container that has ended already, or of which parts are gone, is removed like the others.
pub fn stop(targets: &[Target], grace: Duration) -> Vec<StopError> {
    let mut errors = Vec::new();
    let mut note = |target: &Target, step, result: Result<(), StopCause>| {
        errors.extend(result.err().map(|source| StopError {
            id: target.id.clone(),
            step,
            source,
        }));
    };
    for target in targets {
        note(target, "end", target.signal(Signal::TERM));
    }
    // One after the other is as good as all at once: their time runs out together. And it needs one descriptor, where a
    // thousand would be more than a process may usually have.
    let deadline = Instant::now() + grace;
    for target in targets {
        note(target, "await", target.wait(deadline));
    }
    for target in targets {
        note(target, "kill", target.signal(Signal::KILL));
    }
    for target in targets {
        note(target, "remove", target.remove());
    }
    errors
}

impl Target {
    fn signal(&self, signal: Signal) -> Result<(), StopCause> {
        if let Some((started, pidfd)) = self.process()? {
            started.signal(&pidfd, signal)?;
        }
        Ok(())
    }

    fn wait(&self, deadline: Instant) -> Result<(), StopCause> {
        let Some((_, pidfd)) = self.process()? else {
            return Ok(());
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(StopCause::Wait(error.into())),
            }
        }
    }

    fn process(&self) -> Result<Option<(Started, OwnedFd)>, ProcessError> {
        let Some(started) = self.started else {
            return Ok(None);
        };
        Ok(started.pidfd()?.map(|pidfd| (started, pidfd)))
    }

    /// Kills what is left in the group, with `exec` say, and removes everything.
    fn remove(&self) -> Result<(), StopCause> {
        let mut result = self
            .cgroup
            .kill(PATIENCE)
            .and_then(|()| self.cgroup.remove())
            .map_err(StopCause::from);
        for path in &self.directories {
            let removed = match fs::remove_dir_all(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other.map_err(|source| StopCause::Remove {
                    path: path.clone(),
                    source,
                }),
            };
            result = result.and(removed);
        }
        result
    }
}
