//! Fault injection: the process kills itself at its N-th step, so that tests can prove that whoever comes next can
//! recover. Only in builds with debug assertions or the feature `fault-injection`; nothing in others.

#[cfg(any(debug_assertions, feature = "fault-injection"))]
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that holds N, from 1.
#[cfg(any(debug_assertions, feature = "fault-injection"))]
const VARIABLE: &str = "PINWIRE_FAULT_STEP";

/// The steps that this process has made.
#[cfg(any(debug_assertions, feature = "fault-injection"))]
static STEPS: AtomicU32 = AtomicU32::new(0);

/// The step of which a test said that it is this process's last; 0 for none.
#[cfg(test)]
static LAST: AtomicU32 = AtomicU32::new(0);

/// Marks a moment at which a SIGKILL must be survivable: before and after each change of the kernel or of state.
#[cfg(any(debug_assertions, feature = "fault-injection"))]
pub fn step() {
    let now = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    if fatal() == Some(now) {
        // Cannot fail: the signal exists, and a process may always signal itself.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

#[cfg(any(debug_assertions, feature = "fault-injection"))]
fn fatal() -> Option<u32> {
    #[cfg(test)]
    if LAST.load(Ordering::Relaxed) > 0 {
        return Some(LAST.load(Ordering::Relaxed));
    }
    std::env::var(VARIABLE).ok()?.parse().ok()
}

/// Has this process, which a test forked, kill itself at its N-th step from now.
#[cfg(test)]
pub(crate) fn kill_at(step: u32) {
    LAST.store(STEPS.load(Ordering::Relaxed) + step, Ordering::Relaxed);
}

/// Does nothing in a build for users.
#[cfg(not(any(debug_assertions, feature = "fault-injection")))]
pub fn step() {}
