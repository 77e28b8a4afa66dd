//! Fault injection: the process kills itself at its N-th step, so that tests can prove that whoever comes next can
//! recover. Only in builds with debug assertions or the feature `fault-injection`; nothing in others.

/// The variable that holds N, from 1.
#[cfg(any(debug_assertions, feature = "fault-injection"))]
const VARIABLE: &str = "PINWIRE_FAULT_STEP";

/// Marks a moment at which a SIGKILL must be survivable: before and after each change of the kernel or of state.
#[cfg(any(debug_assertions, feature = "fault-injection"))]
pub fn step() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static STEPS: AtomicU32 = AtomicU32::new(0);
    let now = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    let fatal = std::env::var(VARIABLE)
        .ok()
        .and_then(|value| value.parse().ok());
    if fatal == Some(now) {
        // Cannot fail: the signal exists, and a process may always signal itself.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Does nothing in a build for users.
#[cfg(not(any(debug_assertions, feature = "fault-injection")))]
pub(crate) fn step() {}
