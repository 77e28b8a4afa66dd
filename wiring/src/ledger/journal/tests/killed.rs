//! A process that a SIGKILL ends in the middle of its work.

#![expect(unsafe_code, reason = "fork(2) and _exit(2) have no safe wrappers")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::fault;

/// Works in a process of its own, which kills itself at its N-th step, if there are as many. Whether it did.
pub(super) fn killed_at(step: u32, work: impl FnOnce()) -> bool {
    // SAFETY: the child has one thread, which needs no lock that another thread of the tests may hold but the allocator's,
    // and the C library makes that usable in the child.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            fault::kill_at(step);
            let failed = catch_unwind(AssertUnwindSafe(work)).is_err();
            // SAFETY: it ends the child without what the tests do at their end.
            unsafe { libc::_exit(i32::from(failed)) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).unwrap() {
            WaitStatus::Signaled(_, Signal::SIGKILL, _) => true,
            WaitStatus::Exited(_, 0) => false,
            status => panic!("{status:?}"),
        },
    }
}
