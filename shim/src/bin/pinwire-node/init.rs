//! Process 1 of a container: reaps orphans, hands signals on, and ends when it is told to or when its command ends.
//!
//! Outside a PID namespace of its own it only looks after its command: it signals nothing else.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, alarm, getpid};

use crate::Failure;
use crate::signals::Signals;
use crate::spawn;

/// How long orphans may take to end when there is no command, in seconds. The kernel kills what is left.
const ORPHANS_GRACE: u32 = 1;

/// Runs as init, with a command or without one.
pub(crate) fn run(mut arguments: Vec<OsString>) -> Result<u8, Failure> {
    // Before the command starts, so that no signal is lost on the way.
    let signals = Signals::block(&SigSet::all())?;
    if arguments.first().is_some_and(|first| first == "--") {
        arguments.remove(0);
    }
    let command = match arguments.split_first() {
        None => None,
        Some((program, arguments)) => match spawn::unblocked(Command::new(program).args(arguments))
        {
            Ok(child) => Some(Pid::from_raw(i32::try_from(child.id())?)),
            Err(error) => {
                crate::complain(&format!("init: {}: {error}", program.display()));
                return Ok(if error.kind() == ErrorKind::NotFound {
                    127
                } else {
                    126
                });
            }
        },
    };
    Init {
        signals,
        command,
        stopping: false,
    }
    .serve()
}

struct Init {
    signals: Signals,
    command: Option<Pid>,
    /// Asked to end while there was no command: only orphans are being waited for.
    stopping: bool,
}

impl Init {
    fn serve(mut self) -> Result<u8, Failure> {
        loop {
            let received = self.signals.next()?;
            let code = match received.signal {
                Signal::SIGCHLD => self.reap()?,
                Signal::SIGALRM if self.stopping => Some(0),
                signal @ (Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP) => {
                    if !received.from_terminal {
                        self.signal_all(signal);
                    }
                    if self.command.is_none() {
                        self.stop()?
                    } else {
                        None
                    }
                }
                signal => {
                    if let Some(command) = self.command.filter(|_| !received.from_terminal) {
                        let _ = kill(command, signal);
                    }
                    None
                }
            };
            if let Some(code) = code {
                return Ok(code);
            }
        }
    }

    /// Whoever has ended by now is gone already (ESRCH): nothing to do about it.
    fn signal_all(&self, signal: Signal) {
        if getpid() == Pid::from_raw(1) {
            let _ = kill(Pid::from_raw(-1), signal);
        } else if let Some(command) = self.command {
            let _ = kill(command, signal);
        }
    }

    /// Ends now if there is nobody left, otherwise soon.
    fn stop(&mut self) -> Result<Option<u8>, Failure> {
        if self.stopping {
            return Ok(Some(0));
        }
        self.stopping = true;
        alarm::set(ORPHANS_GRACE);
        self.reap()
    }

    /// Reaps all that have ended; the exit code, if that ends the init.
    fn reap(&self) -> Result<Option<u8>, Failure> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(status) if status.pid() == self.command && self.command.is_some() => {
                    if let Some(code) = exit_code(status) {
                        return Ok(Some(code));
                    }
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(self.stopping.then_some(0)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// As a shell tells it: 128 and the signal's number for a signal.
fn exit_code(status: WaitStatus) -> Option<u8> {
    match status {
        WaitStatus::Exited(_, code) => Some(u8::try_from(code & 0xFF).unwrap_or(u8::MAX)),
        WaitStatus::Signaled(_, signal, _) => Some(128 + u8::try_from(signal as i32).unwrap_or(0)),
        _ => None,
    }
}
