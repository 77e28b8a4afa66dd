//! Runs a command in a running container, as confined as that, and relays a terminal to it. Done here rather than by
//! libcontainer, whose way into a container leaves the seccomp filter off.
//!
//! Two processes are forked: one that enters the namespaces and waits, since whoever enters a pid namespace stays outside
//! of it, and its child, which is inside and becomes the command.

mod inside;
mod relay;

use std::io::{self, Read};
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cgroup::Cgroup;
use crate::channel::Channel;
use crate::directory::Directory;
use crate::failure::Failure;
use crate::launch::{LaunchError, Report};
use crate::process::{self, ProcessError, Started, State};
use crate::rootfs::{self, RootfsError};
use crate::spec::{self, Confinement};
use crate::step::step;
use crate::syscall;
use crate::user::UserError;

pub use crate::step::StepError;

use inside::Message;
use relay::Relay;

/// A command to be run in a container.
#[derive(Clone, Debug)]
pub struct ExecRequest {
    /// The container's first process.
    pub started: Started,
    /// The container's directory, as in [`crate::zygote::StartRequest`].
    pub directory: PathBuf,
    /// The container's control group.
    pub cgroup: Cgroup,
    /// The program, looked up in the container's PATH, and its arguments.
    pub command: Vec<String>,
    /// Added to the container's environment; later entries win.
    pub env: Vec<(String, String)>,
    /// An absolute path; the container's own where absent.
    pub working_dir: Option<String>,
    /// `user`, `uid`, `user:group`, `uid:gid` and the mixed forms; the container's own where absent.
    pub user: Option<String>,
    /// Whether it gets a terminal of its own (`-t`).
    pub terminal: bool,
    /// Whether it gets this process's standard input (`-i`).
    pub stdin: bool,
}

/// A command that cannot be run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ExecError {
    /// There is nothing to run.
    #[error("there is no command")]
    NoCommand,
    /// The container does not run.
    #[error("the container is not running")]
    NotRunning,
    /// The container's process cannot be referred to.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// What the container is confined to cannot be read.
    #[error("failed to read {}", path.display())]
    Confinement { path: PathBuf, source: io::Error },
    /// The container's root directory cannot be opened.
    #[error("failed to open the root directory of process {pid} (open)")]
    Root { pid: i32, source: io::Error },
    /// The container's accounts cannot be read.
    #[error(transparent)]
    Rootfs(#[from] RootfsError),
    /// The container has no such user.
    #[error(transparent)]
    User(#[from] UserError),
    /// A step on this side of the container.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A step on the container's side.
    #[error("failed to enter the container")]
    Inside(#[source] Failure),
    /// The program cannot be executed.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

/// Runs the command and returns its exit status: 128 and the signal's number where it was killed by one. Signals that
/// this process gets meanwhile are passed on.
///
/// The caller has one thread. Standard output and error are this process's own, or the terminal's.
///
/// # Errors
/// [`ExecError`]; nothing runs then.
pub fn exec(request: &ExecRequest) -> Result<i32, ExecError> {
    if request.command.is_empty() {
        return Err(ExecError::NoCommand);
    }
    let container = request.started.pidfd()?.ok_or(ExecError::NotRunning)?;
    let confinement = confinement(request)?;
    // Before the fork, so that no signal is lost; the command starts with none blocked.
    let mut relay = Relay::new().map_err(step("take over signals (signalfd)"))?;
    let (near, far) = Channel::pair().map_err(step("make a pair of sockets (socketpair)"))?;
    let (mut report, writer) = io::pipe().map_err(step("make a pipe (pipe2)"))?;
    let entry = inside::Entrance {
        request,
        container: &container,
        confinement: &confinement,
    };
    let child = Child(Some(
        syscall::fork(move || entry.run(far, writer.into())).map_err(step("fork (fork)"))?,
    ));
    let mut command = None;
    while let Some((message, mut descriptors)) = near
        .receive()
        .map_err(step("hear of the command (recvmsg)"))?
    {
        match message {
            Message::Command => command = descriptors.pop(),
            Message::Terminal => relay.terminal = descriptors.pop(),
            Message::Failed(failure) => return Err(ExecError::Inside(failure)),
        }
    }
    let mut bytes = Vec::new();
    report
        .read_to_end(&mut bytes)
        .map_err(step("hear of the command (read)"))?;
    Report::read(&bytes, request.command[0].clone())?;
    relay
        .run(request.stdin, command)
        .map_err(step("relay to the command (poll)"))?;
    Ok(child
        .wait()
        .map_err(step("wait for the command (waitpid)"))?)
}

/// What the command is confined to: what the container is, but for what the request changes.
fn confinement(request: &ExecRequest) -> Result<Confinement, ExecError> {
    let mut confinement = Confinement::load(&request.directory)
        .map_err(|(path, source)| ExecError::Confinement { path, source })?;
    if let Some(user) = &request.user {
        confinement.identity = rootfs::accounts(&root(request.started)?)?.resolve(user, None)?;
        spec::set(&mut confinement.env, "HOME", &confinement.identity.home);
    }
    if request.terminal {
        spec::set(
            &mut confinement.env,
            "TERM",
            &std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned()),
        );
    }
    for (name, value) in &request.env {
        spec::set(&mut confinement.env, name, value);
    }
    if let Some(path) = &request.working_dir {
        confinement.cwd = path.into();
    }
    Ok(confinement)
}

/// The container's root directory.
fn root(started: Started) -> Result<Directory, ExecError> {
    let pid = started.pid;
    let root = Directory::open(format!("/proc/{pid}/root"))
        .map_err(|source| ExecError::Root { pid, source })?;
    // The pid may have become another process's before it was opened, but not after.
    if started.state() == State::Running {
        Ok(root)
    } else {
        Err(ExecError::NotRunning)
    }
}

/// The process that waits for the command. Killing it kills the command.
struct Child(Option<Pid>);

impl Child {
    fn wait(mut self) -> io::Result<i32> {
        let child = self.0.take();
        child.map_or(Err(io::ErrorKind::NotFound.into()), process::wait)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = process::wait(pid);
        }
    }
}
