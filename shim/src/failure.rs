//! An error with its causes as it crosses from one process to another.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An error of another process. Its causes are kept one by one ([`Error::source`]), as text.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    message: String,
    source: Option<Box<Failure>>,
}

impl Failure {
    /// The error and all its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        Self {
            message: error.to_string(),
            source: error.source().map(|source| Box::new(Self::of(source))),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
