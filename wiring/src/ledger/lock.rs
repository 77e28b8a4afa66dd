//! The right to change some nodes: one lock file each, taken in order, so that two calls never wait for each other.

use std::fmt;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::OFlags;

use super::{NodeKey, State, StateError, create, failed};

/// The longest wait for one lock. What is done under it takes milliseconds; runtimes give a call minutes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(5));

/// Locks of nodes, held until dropped or the process ends.
#[derive(Debug)]
pub struct Locks(Vec<(PathBuf, File)>);

impl State {
    /// Locks nodes, in an order that is the same in all calls.
    pub fn lock(&self, mut nodes: Vec<NodeKey>) -> Result<Locks, StateError> {
        nodes.sort();
        nodes.dedup();
        let locks = nodes.iter().map(|node| {
            let path = self.root.join("locks").join(node.to_string());
            let file = take(&path, node)?;
            Ok((path, file))
        });
        locks.collect::<Result<_, _>>().map(Locks)
    }

    /// Removes what is left of nodes that nobody speaks of any more, their locks included, and lets go.
    pub fn unlock(&self, locks: Locks) -> Result<(), StateError> {
        for (path, _) in &locks.0 {
            let node = path.file_name().and_then(|name| name.to_str());
            if let Some(node) = node
                && self.tidy(node)?
            {
                super::remove(path)?;
            }
        }
        Ok(())
    }
}

/// Takes the lock of a file, which is that of `what`, for messages.
pub(super) fn take(path: &Path, what: &impl fmt::Display) -> Result<File, StateError> {
    let (mut waited, mut pause) = (Duration::ZERO, PAUSE.0);
    loop {
        let file = create(path, OFlags::empty()).map_err(failed("open", path))?;
        match file.try_lock() {
            Ok(()) if is_named(&file) => return Ok(file),
            // The last holder removed the file between our open and our lock: take the new one.
            Ok(()) => continue,
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::Busy {
                    node: what.to_string(),
                    seconds: PATIENCE.as_secs(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
        sleep(pause);
        waited += pause;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Whether a file still has its name: it is removed at the end, and never renamed.
fn is_named(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}
