//! The container's side of [`super::exec`]: enters the namespaces of the container and becomes the command.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::CloneFlags;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getpid, setsid};
use rustix::pty::OpenptFlags;
use serde::{Deserialize, Serialize};

use super::ExecRequest;
use super::relay::copy_window_size;
use crate::cgroup::CgroupError;
use crate::channel::Channel;
use crate::container;
use crate::container::keep_capabilities;
use crate::failure::Failure;
use crate::launch;
use crate::process::{self, open_pidfd};
use crate::spec::Confinement;
use crate::step::{StepError, step};
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
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("failed to change to the directory {path} of the container (chdir)")]
    Directory { path: String, source: io::Error },
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

/// Everything that is needed to enter a container.
pub(super) struct Entrance<'a> {
    pub(super) request: &'a ExecRequest,
    pub(super) container: &'a OwnedFd,
    pub(super) confinement: &'a Confinement,
}

impl Entrance<'_> {
    /// The life of the process that enters and waits; returns the command's exit status.
    pub(super) fn run(self, channel: Channel, report: OwnedFd) -> i32 {
        match self.enter_and_fork(&channel, &report) {
            Ok((pid, pidfd)) => {
                let _ = channel.send(&Message::Command, &[pidfd.as_fd()]);
                // Their end tells the other side that the command runs.
                drop((channel, report, pidfd));
                process::wait(pid).unwrap_or(1)
            }
            Err(error) => fail(&channel, &error),
        }
    }

    /// Enters the namespaces and forks the command, which is inside of them; its pid and a pidfd.
    fn enter_and_fork(
        &self,
        channel: &Channel,
        report: &OwnedFd,
    ) -> Result<(Pid, OwnedFd), EnterError> {
        self.enter()?;
        let pid = syscall::fork_again(|| self.become_command(channel, report))
            .map_err(step("fork in the container (fork)"))?;
        let pidfd = open_pidfd(pid.as_raw()).map_err(step("refer to the command (pidfd_open)"))?;
        Ok((pid, pidfd))
    }

    fn enter(&self) -> Result<(), EnterError> {
        prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("set a signal (prctl)"))?;
        // Its processes could otherwise read this one's memory, and its descriptors, while it is among them.
        prctl::set_dumpable(false).map_err(step("hide (prctl)"))?;
        // A terminal's signals reach the command by way of the caller, who outlives it.
        setsid().map_err(step("start a session (setsid)"))?;
        self.request.cgroup.add(getpid().as_raw())?;
        let namespaces = CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP;
        nix::sched::setns(self.container, namespaces)
            .map_err(step("join the container's namespaces (setns)"))?;
        Ok(())
    }

    /// The life of the command's process up to execve(2).
    fn become_command(&self, channel: &Channel, report: &OwnedFd) -> i32 {
        match self.prepare(channel) {
            // It returns only where it fails, which the report says better.
            Ok(()) => {
                let _ = launch::launch(
                    &self.request.command,
                    self.confinement,
                    report,
                    keep_capabilities,
                );
                1
            }
            Err(error) => fail(channel, &error),
        }
    }

    fn prepare(&self, channel: &Channel) -> Result<(), EnterError> {
        setsid().map_err(step("start a session in the container (setsid)"))?;
        if self.request.terminal {
            open_terminal(channel)?;
        } else if !self.request.stdin {
            let null =
                File::open("/dev/null").map_err(step("open /dev/null in the container (open)"))?;
            dup2_stdin(null).map_err(step("redirect standard input (dup2)"))?;
        }
        let path = &self.confinement.cwd;
        let directory = |source| EnterError::Directory {
            path: path.display().to_string(),
            source,
        };
        std::env::set_current_dir(path).map_err(directory)?;
        // getcwd(2) fails for a directory outside of the root, such as /proc/self/fd/N of a careless runtime.
        std::env::current_dir().map_err(directory)?;
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
        container::become_user(&self.confinement.identity)
            .map_err(step("change the user (setresuid)"))?;
        // After the change of user, which would reset it.
        prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("set a signal (prctl)"))?;
        if self.confinement.no_new_privileges {
            prctl::set_no_new_privs().map_err(step("renounce new privileges (prctl)"))?;
        }
        syscall::close_on_exec_from(3).map_err(step("have descriptors closed (close_range)"))?;
        Ok(())
    }
}

/// Opens a terminal of the container's own devpts, makes it the command's and sends the near end out.
fn open_terminal(channel: &Channel) -> Result<(), EnterError> {
    let near = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .map_err(step("open a terminal in the container (posix_openpt)"))?;
    rustix::pty::unlockpt(&near).map_err(step("unlock the terminal (unlockpt)"))?;
    // By its descriptor, not by its name: the container might have put something else there.
    let far = rustix::pty::ioctl_tiocgptpeer(
        &near,
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )
    .map_err(step("open the far end of the terminal (TIOCGPTPEER)"))?;
    // While the standard streams are the caller's, and before the command could look at it.
    copy_window_size(&near);
    rustix::process::ioctl_tiocsctty(&far)
        .map_err(step("make the terminal its own (TIOCSCTTY)"))?;
    dup2_stdin(&far)
        .and_then(|()| dup2_stdout(&far))
        .and_then(|()| dup2_stderr(&far))
        .map_err(step("redirect a standard stream (dup2)"))?;
    channel
        .send(&Message::Terminal, &[near.as_fd()])
        .map_err(step("hand the terminal over (sendmsg)"))?;
    Ok(())
}

fn fail(channel: &Channel, error: &EnterError) -> i32 {
    let _ = channel.send(&Message::Failed(Failure::of(error)), &[]);
    1
}
