//! Conditions that come true soon: the kernel and other processes take their time. A test never sleeps and hopes.

use std::time::{Duration, Instant};

/// How long something may take on a machine that is emulated and busy. Only a test that fails waits that long.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// When to look again.
const SOON: Duration = Duration::from_millis(3);

/// Whether a condition comes true in time.
pub fn comes_true(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(SOON);
    }
    true
}

/// Fails unless a condition comes true in time.
///
/// # Panics
/// Where it does not.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(condition), "not true after {PATIENCE:?}: {what}");
}
