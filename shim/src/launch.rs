//! The last steps of a process before it is a container's program: confines it, reports, executes. The same for a
//! container's first process and for commands that join it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};

use crate::seccomp::Filter;
use oci_spec::runtime::Capabilities;

use crate::spec::{Confinement, lookup};
use crate::syscall::reset_signals;

/// A program that was not executed in a container.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// It ended before it executed anything.
    #[error("the container's process ended before it executed `{0}`")]
    Ended(String),
    /// Its program cannot be executed.
    #[error("failed to execute `{program}` in the container (execve)")]
    Execute { program: String, source: io::Error },
    /// Its process cannot be confined.
    #[error("failed to confine the container's process (setrlimit, seccomp, capset)")]
    Confine(#[source] io::Error),
}

/// What a process writes about its own execve(2) into a pipe that execve(2) closes: a step when it begins, and the error
/// number where it fails.
#[derive(Clone, Copy)]
pub(crate) enum Report {
    Confining = 1,
    Executing = 2,
}

impl Report {
    fn write(self, pipe: impl AsFd) {
        let _ = nix::unistd::write(pipe, &[self as u8]);
    }

    fn fail(pipe: impl AsFd, error: &io::Error) {
        let _ = nix::unistd::write(
            pipe,
            &error.raw_os_error().unwrap_or(libc::EINVAL).to_ne_bytes(),
        );
    }

    /// What a whole report says of the program.
    pub(crate) fn read(report: &[u8], program: String) -> Result<(), LaunchError> {
        let error = |bytes: &[u8]| {
            let number = bytes.try_into().map_or(libc::EIO, i32::from_ne_bytes);
            io::Error::from_raw_os_error(number)
        };
        match report {
            [1, 2] => Ok(()),
            [1, 2, errno @ ..] => Err(LaunchError::Execute {
                program,
                source: error(errno),
            }),
            [1, errno @ ..] if !errno.is_empty() => Err(LaunchError::Confine(error(errno))),
            _ => Err(LaunchError::Ended(program)),
        }
    }
}

/// Confines the calling process and executes `args`; returns only to say why not, as `report` does too.
/// `keep_capabilities` leaves the process no others.
pub(crate) fn launch(
    args: &[String],
    confinement: &Confinement,
    report: &OwnedFd,
    keep_capabilities: impl FnOnce(&Capabilities) -> io::Result<()>,
) -> io::Error {
    Report::Confining.write(report);
    let confined = confine(confinement).and_then(|()| keep_capabilities(&confinement.capabilities));
    let error = match confined {
        Ok(()) => {
            Report::Executing.write(report);
            execute(args, &confinement.env)
        }
        Err(error) => error,
    };
    Report::fail(report, &error);
    error
}

fn confine(confinement: &Confinement) -> io::Result<()> {
    reset_signals();
    if confinement.locks_memory {
        setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY)?;
    }
    // The filter first: it asks for SYS_ADMIN, and leaves capset(2) and prctl(2) allowed.
    if confinement.seccomp {
        Filter::new(&confinement.capabilities).install()?;
    }
    Ok(())
}

/// execve(2) of the first match in the container's PATH, as execvp(3) would find it in its own.
fn execute(args: &[String], env: &[String]) -> io::Error {
    let strings = |list: &[String]| {
        list.iter()
            .map(|text| CString::new(text.as_str()))
            .collect::<Result<Vec<_>, _>>()
    };
    let (Some(program), Ok(argv), Ok(envp)) = (args.first(), strings(args), strings(env)) else {
        return io::ErrorKind::InvalidInput.into();
    };
    let directories = if program.contains('/') {
        ""
    } else {
        lookup(env, "PATH").unwrap_or_default()
    };
    let mut result = io::Error::from_raw_os_error(libc::ENOENT);
    for directory in directories.split(':') {
        let path = Path::new(directory).join(program);
        let Ok(path) = CString::new(path.as_os_str().as_encoded_bytes()) else {
            continue;
        };
        let Err(errno) = nix::unistd::execve(&path, &argv, &envp);
        match errno {
            nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR => {}
            // Remembered while a later directory may still have it, like execvp(3).
            nix::errno::Errno::EACCES => result = errno.into(),
            other => return other.into(),
        }
    }
    result
}
