//! A step that failed where its name and the system's answer say all there is to say.

use std::io;

/// Such a step.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}")]
pub struct StepError {
    /// What was tried, with its system call.
    step: &'static str,
    source: io::Error,
}

/// For `map_err` of a step.
pub(crate) fn step<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> StepError {
    move |error| StepError {
        step,
        source: error.into(),
    }
}
