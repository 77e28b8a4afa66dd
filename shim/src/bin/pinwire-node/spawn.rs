//! Starts a command with no signal blocked. The standard library hands the parent's signal mask down to the child, and an
//! init has everything blocked.
#![expect(
    unsafe_code,
    reason = "the signal mask of a child can only be changed between fork and exec"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::sys::signal::SigSet;

/// Starts `command`.
pub(crate) fn unblocked(command: &mut Command) -> io::Result<Child> {
    let unblock = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: the closure makes one system call, sigprocmask, which is async-signal-safe, and touches no memory but its
    // own stack.
    unsafe { command.pre_exec(unblock) }.spawn()
}
