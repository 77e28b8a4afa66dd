//! Makes and starts a container with libcontainer. The only file that names it.
//!
//! libcontainer enters the namespaces, mounts, pivots, and waits for the start. What it is not trusted with, because it
//! does it slowly or only in part, is done here right before execve(2): the seccomp filter, the last capabilities, the
//! signals that a process of Rust ignores, and a report of whether the program could be executed at all.

use std::collections::HashMap;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libcontainer::capabilities::drop_privileges;
use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::error::LibcontainerError;
use libcontainer::syscall::syscall::{SyscallType, create_syscall};
use libcontainer::workload::{
    Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError,
};
use oci_spec::runtime::{Capabilities, Spec};

use crate::diagnosis::Recorder;
use crate::launch::{LaunchError, Report, launch};
use crate::process::{ProcessError, Started};
use crate::spec::{Confinement, capability_sets};
use crate::user::Identity;

/// A container that cannot be made or started.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ContainerError {
    /// The configuration cannot be written.
    #[error("failed to write the configuration {}", path.display())]
    Configuration { path: PathBuf, source: io::Error },
    /// There is no pipe.
    #[error("failed to make a pipe (pipe2)")]
    Pipe(#[source] io::Error),
    /// libcontainer cannot make it.
    #[error("failed to create the container")]
    Create(#[source] Box<LibcontainerError>),
    /// libcontainer cannot make it, and logged why better than it returned it.
    #[error("failed to create the container: libcontainer reports `{0}`")]
    Refused(String),
    /// It was made, but has no process.
    #[error("libcontainer names no process of the container")]
    NoProcess,
    /// Its process cannot be identified.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// libcontainer cannot start it.
    #[error("failed to start the container")]
    Start(#[source] Box<LibcontainerError>),
    /// The report of its first process cannot be read.
    #[error("failed to read what became of the container's process")]
    Report(#[source] io::Error),
    /// Its program was not executed.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

/// What a container is made from.
pub(crate) struct Plan<'a> {
    pub(crate) id: &'a str,
    /// Where the configuration and libcontainer's own files are written.
    pub(crate) bundle: &'a Path,
    pub(crate) spec: Spec,
    pub(crate) confinement: Confinement,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// A container that waits to be started.
pub(crate) struct Created {
    container: Container,
    program: String,
    report: PipeReader,
    pub(crate) started: Started,
}

/// Makes a container up to the point where only execve(2) is left.
///
/// # Errors
/// [`ContainerError`]; libcontainer removes what it made.
pub(crate) fn create(plan: Plan<'_>, recorder: &Recorder) -> Result<Created, ContainerError> {
    write_configuration(&plan)?;
    let (report, writer) = io::pipe().map_err(ContainerError::Pipe)?;
    let args = plan
        .spec
        .process()
        .as_ref()
        .and_then(|process| process.args().clone())
        .unwrap_or_default();
    let program = args.first().cloned().unwrap_or_default();
    let launch = Launch {
        args,
        confinement: plan.confinement,
        report: Arc::new(writer.into()),
    };
    let builder = ContainerBuilder::new(plan.id.to_owned(), SyscallType::default())
        .with_executor(launch)
        .with_stdin(plan.stdin)
        .with_stdout(plan.stdout)
        .with_stderr(plan.stderr);
    let (result, logged) = recorder.record(|| {
        let builder = builder
            .with_root_path(plan.bundle.join("state"))?
            .as_init(plan.bundle);
        builder.with_systemd(false).with_detach(true).build()
    });
    let container = result.map_err(|error| match logged {
        Some(logged) => ContainerError::Refused(logged),
        None => ContainerError::Create(Box::new(error)),
    })?;
    let pid = container.pid().ok_or(ContainerError::NoProcess)?;
    // Its process waits: the pid cannot have passed to another one yet.
    let started = Started::of(pid.as_raw())?;
    Ok(Created {
        container,
        program,
        report,
        started,
    })
}

/// Writes the configuration to where libcontainer reads it.
fn write_configuration(plan: &Plan<'_>) -> Result<(), ContainerError> {
    let path = plan.bundle.join("config.json");
    let text = serde_json::to_vec(&plan.spec).map_err(io::Error::from);
    let written = text.and_then(|text| std::fs::write(&path, text));
    written.map_err(|source| ContainerError::Configuration { path, source })
}

impl Created {
    /// Starts it and returns when its program is executing.
    ///
    /// # Errors
    /// [`ContainerError::Start`], [`ContainerError::Launch`].
    pub(crate) fn start(mut self) -> Result<Started, ContainerError> {
        self.container
            .start()
            .map_err(|error| ContainerError::Start(Box::new(error)))?;
        let mut report = Vec::new();
        self.report
            .read_to_end(&mut report)
            .map_err(ContainerError::Report)?;
        Report::read(&report, self.program)?;
        Ok(self.started)
    }
}

/// The last steps of a container's first process, in libcontainer's terms.
#[derive(Clone)]
struct Launch {
    args: Vec<String>,
    confinement: Confinement,
    report: Arc<OwnedFd>,
}

impl Executor for Launch {
    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        let error = launch(
            &self.args,
            &self.confinement,
            &self.report,
            keep_capabilities,
        );
        Err(ExecutorError::Execution(error.into()))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }

    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        // execve(2) is given the environment; this process's own is nobody's.
        Ok(())
    }
}

/// Becomes another user, and keeps the capabilities until [`launch`] takes them.
///
/// # Errors
/// Those of setgroups(2), setresgid(2) and setresuid(2).
pub(crate) fn become_user(identity: &Identity) -> io::Result<()> {
    let syscall = create_syscall();
    let groups: Vec<_> = identity
        .additional_gids
        .iter()
        .map(|&gid| gid.into())
        .collect();
    syscall.set_groups(&groups).map_err(io::Error::other)?;
    syscall
        .set_id(identity.uid.into(), identity.gid.into())
        .map_err(io::Error::other)
}

/// Gives up all capabilities but these, in all sets of the calling process.
///
/// # Errors
/// EPERM of capset(2) and prctl(2).
pub(crate) fn keep_capabilities(capabilities: &Capabilities) -> io::Result<()> {
    drop_privileges(&capability_sets(capabilities), create_syscall().as_ref())
        .map_err(io::Error::other)
}
