//! Which process is meant: a pid together with the time that it started at, so that a pid that the kernel has given to
//! another process since is never signalled. Not how processes are started or confined.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid,
};
use serde::{Deserialize, Serialize};

/// The first process of a started container, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Started {
    /// Its pid in the pid namespace of the caller.
    pub pid: i32,
    /// When it started, in clock ticks since the host booted (field 22 of `/proc/PID/stat`, `proc_pid_stat(5)`).
    pub start_time: u64,
}

/// What cannot be learnt of a process.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ProcessError {
    /// `/proc/PID/stat` cannot be read.
    #[error("failed to read /proc/{pid}/stat")]
    Stat { pid: i32, source: io::Error },
    /// `/proc/PID/stat` is not as `proc_pid_stat(5)` says.
    #[error("/proc/{pid}/stat is malformed: `{text}`")]
    Malformed { pid: i32, text: String },
    /// The process cannot be referred to.
    #[error("failed to open a pidfd of process {pid} (pidfd_open)")]
    Open { pid: i32, source: io::Error },
    /// The process cannot be signalled.
    #[error("failed to signal process {pid} (pidfd_send_signal)")]
    Signal { pid: i32, source: io::Error },
}

/// Whether the process of a container still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It has ended and waits for its parent to notice.
    Stopped,
    /// It is no more; its pid may be another's.
    Gone,
}

impl Started {
    /// The process that has this pid now.
    ///
    /// # Errors
    /// [`ProcessError::Stat`] where there is none.
    pub fn of(pid: i32) -> Result<Self, ProcessError> {
        let text = stat(pid).map_err(|source| ProcessError::Stat { pid, source })?;
        let (_, start_time) = parse(&text).ok_or(ProcessError::Malformed { pid, text })?;
        Ok(Self { pid, start_time })
    }

    /// Whether it still runs.
    pub fn state(&self) -> State {
        match stat(self.pid).ok().as_deref().and_then(parse) {
            Some((_, start_time)) if start_time != self.start_time => State::Gone,
            Some(('Z' | 'X', _)) => State::Stopped,
            Some(_) => State::Running,
            None => State::Gone,
        }
    }

    /// A pidfd of it, or `None` where it has ended.
    ///
    /// # Errors
    /// [`ProcessError::Open`] for any failure but ESRCH.
    pub fn pidfd(&self) -> Result<Option<OwnedFd>, ProcessError> {
        let fd = match open_pidfd(self.pid) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            fd => fd.map_err(|source| ProcessError::Open {
                pid: self.pid,
                source,
            })?,
        };
        // The pidfd holds whichever process had the pid then: only now does the start time tell which one.
        Ok((self.state() == State::Running).then_some(fd))
    }

    /// Signals it through `pidfd`; that it has ended meanwhile is no error.
    ///
    /// # Errors
    /// [`ProcessError::Signal`].
    pub fn signal(&self, pidfd: &OwnedFd, signal: Signal) -> Result<(), ProcessError> {
        match pidfd_send_signal(pidfd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(ProcessError::Signal {
                pid: self.pid,
                source: error.into(),
            }),
        }
    }
}

/// A pidfd of whatever process has this pid now.
///
/// # Errors
/// Those of `pidfd_open(2)`.
pub(crate) fn open_pidfd(pid: i32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Waits for the end of a child; its exit status as a shell reports it: 128 and the signal's number where it was killed.
///
/// # Errors
/// Those of waitpid(2).
pub(crate) fn wait(child: nix::unistd::Pid) -> io::Result<i32> {
    let child = Pid::from_raw(child.as_raw());
    // Not nix's, which takes an end by a real-time signal for an error.
    let ended = retry_on_intr(|| waitpid(child, WaitOptions::empty()))?;
    let code = ended.and_then(|(_, status)| {
        let killed = status.terminating_signal();
        status.exit_status().or(killed.map(|signal| 128 + signal))
    });
    code.ok_or_else(|| io::Error::other("waitpid returned no status"))
}

fn stat(pid: i32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/stat"))
}

/// State and start time. The second field, the command, may hold anything, brackets and spaces too: the fields are
/// counted from its last bracket.
fn parse(stat: &str) -> Option<(char, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) S 1 (b)) Z 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        assert_eq!(parse(stat), Some(('Z', 4242)));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let own = Started::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.state(), State::Running);
        assert!(own.pidfd().unwrap().is_some());
        let other = Started {
            start_time: own.start_time + 1,
            ..own
        };
        assert_eq!(other.state(), State::Gone);
        assert!(other.pidfd().unwrap().is_none());
    }
}
