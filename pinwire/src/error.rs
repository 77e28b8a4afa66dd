//! What the errors of several parts have in common: a file that cannot be used, and an error with its causes as text.

pub(crate) use pinwire_wiring::error::chain;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// A file or directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub struct FileError {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// For `map_err` of what was tried (`read`, `lock`) with a file.
    pub(crate) fn on<E: Into<io::Error>>(
        verb: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |error| Self {
            verb,
            path,
            source: error.into(),
        }
    }
}

/// Errors, each with its causes in one line.
pub(crate) fn chains<E: Error + 'static>(errors: &[E]) -> Vec<String> {
    errors.iter().map(|error| chain(error)).collect()
}

/// An error and its causes with the same text between any two.
pub(crate) fn joined(error: &(dyn Error + 'static), between: &str) -> String {
    let causes: Vec<_> = anyhow::Chain::new(error).map(ToString::to_string).collect();
    causes.join(between)
}
