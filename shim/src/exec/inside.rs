//! The container's side of [`super::exec`]: enters the namespaces of the container and becomes the command.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::CloneFlags;
use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, PidfdFlags, Signal};
use rustix::pty::OpenptFlags;
use serde::{Deserialize, Serialize};

use super::relay::copy_window_size;
use super::{ExecRequest, exit_status};
use crate::cgroup::CgroupError;
use crate::channel::Channel;
use crate::container;
use crate::failure::Failure;
use crate::launch;
use crate::spec::Confinement;
use crate::syscall;

/// What this side says while it gets ready; both of its processes speak.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// The command's process is there; its pidfd comes along.
    Command,
    /// The command has a terminal; the near end comes along.
    Terminal,
    /// It cannot be run.
    Failed(Failure),
}

/// Why a container cannot be entered.
#[derive(Debug, thiserror::Error)]
enum EnterError {
    #[error("failed to {step}")]
    Step {
        step: &'static str,
        source: io::Error,
    },
    #[error("failed to change to the directory {path} of the container (chdir)")]
    Directory { path: String, source: io::Error },
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

fn step<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> EnterError {
    move |error| EnterError::Step {
        step,
        source: error.into(),
    }
}

/// Everything that is needed to enter a container.
pub(super) struct Entry<'a> {
    pub(super) request: &'a ExecRequest,
    pub(super) container: &'a OwnedFd,
    pub(super) confinement: &'a Confinement,
}

impl Entry<'_> {
    /// The life of the process that enters and waits; returns the command's exit status.
    pub(super) fn run(self, channel: Channel, report: OwnedFd) -> i32 {
        let forked = self.enter().and_then(|()| {
            syscall::fork_again(|| self.become_command(&channel, &report))
                .map_err(step("fork in the container (fork)"))
        });
        let forked = forked.and_then(|pid| {
            let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty());
            Ok((
                pid,
                pidfd.map_err(step("refer to the command (pidfd_open)"))?,
            ))
        });
        match forked {
            Ok((pid, pidfd)) => {
                let _ = channel.send(&Message::Command, &[pidfd.as_fd()]);
                // Their end tells the other side that the command runs.
                drop((channel, report, pidfd));
                exit_status(pid).unwrap_or(1)
            }
            Err(error) => fail(&channel, &error),
        }
    }

    fn enter(&self) -> Result<(), EnterError> {
        let errno = step::<rustix::io::Errno>;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(errno("set a signal (prctl)"))?;
        // Its processes could otherwise read this one's memory, and its descriptors, while it is among them.
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(errno("hide (prctl)"))?;
        // A terminal's signals reach the command by way of the caller, who outlives it.
        rustix::process::setsid().map_err(errno("start a session (setsid)"))?;
        self.request
            .cgroup
            .add(rustix::process::getpid().as_raw_nonzero().get())?;
        let namespaces = CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP;
        nix::sched::setns(self.container, namespaces)
            .map_err(step("join the container's namespaces (setns)"))
    }

    /// The life of the command's process up to execve(2).
    fn become_command(&self, channel: &Channel, report: &OwnedFd) -> i32 {
        match self.prepare(channel) {
            // It returns only where it fails, which the report says better.
            Ok(()) => {
                let _ = launch::launch(&self.request.command, self.confinement, report);
                1
            }
            Err(error) => fail(channel, &error),
        }
    }

    fn prepare(&self, channel: &Channel) -> Result<(), EnterError> {
        let errno = step::<rustix::io::Errno>;
        rustix::process::setsid().map_err(errno("start a session in the container (setsid)"))?;
        if self.request.terminal {
            open_terminal(channel)?;
        } else if !self.request.stdin {
            let null =
                rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let null = null.map_err(errno("open /dev/null in the container (open)"))?;
            syscall::duplicate_onto(null.as_fd(), 0)
                .map_err(step("redirect standard input (dup2)"))?;
        }
        let path = &self.confinement.cwd;
        let directory = |source| EnterError::Directory {
            path: path.display().to_string(),
            source,
        };
        std::env::set_current_dir(path).map_err(directory)?;
        // getcwd(2) fails for a directory outside of the root, such as /proc/self/fd/N of a careless runtime.
        std::env::current_dir().map_err(directory)?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        container::become_user(&self.confinement.identity)
            .map_err(step("change the user (setresuid)"))?;
        // After the change of user, which would reset it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(errno("set a signal (prctl)"))?;
        if self.confinement.no_new_privileges {
            rustix::thread::set_no_new_privs(true)
                .map_err(errno("renounce new privileges (prctl)"))?;
        }
        syscall::close_on_exec_from(3).map_err(step("have descriptors closed (close_range)"))
    }
}

/// Opens a terminal of the container's own devpts, makes it the command's and sends the near end out.
fn open_terminal(channel: &Channel) -> Result<(), EnterError> {
    let errno = step::<rustix::io::Errno>;
    let near = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .map_err(errno("open a terminal in the container (posix_openpt)"))?;
    rustix::pty::unlockpt(&near).map_err(errno("unlock the terminal (unlockpt)"))?;
    // By its descriptor, not by its name: the container might have put something else there.
    let far = rustix::pty::ioctl_tiocgptpeer(
        &near,
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )
    .map_err(errno("open the far end of the terminal (TIOCGPTPEER)"))?;
    // While the standard streams are the caller's, and before the command could look at it.
    copy_window_size(&near);
    syscall::set_controlling_terminal(far.as_fd())
        .map_err(step("make the terminal its own (TIOCSCTTY)"))?;
    for stream in 0..3 {
        syscall::duplicate_onto(far.as_fd(), stream)
            .map_err(step("redirect a standard stream (dup2)"))?;
    }
    channel
        .send(&Message::Terminal, &[near.as_fd()])
        .map_err(step("hand the terminal over (sendmsg)"))
}

fn fail(channel: &Channel, error: &EnterError) -> i32 {
    let _ = channel.send(&Message::Failed(Failure::of(error)), &[]);
    1
}
