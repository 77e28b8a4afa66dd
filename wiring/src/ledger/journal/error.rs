//! What can go wrong with the journal of the host.

use std::path::PathBuf;

use super::Thing;
use crate::kernel::netns::NetnsError;
use crate::ledger::StateError;
use crate::machine::InterruptError;

/// Why a thing of the host was not changed or restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum JournalError {
    /// Its entry could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Whether a user is dead could not be told.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The kernel was asked in vain.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
    /// A value that the thing cannot have, of a user or a damaged entry.
    #[error("{thing} cannot have the value `{value}` (host/{} of the state)", thing.key())]
    Value { thing: Thing, value: String },
    /// The kernel made something else of a value.
    #[error("{thing} has {found} instead of {wanted}, which the kernel took")]
    NotKept {
        thing: Thing,
        wanted: String,
        found: String,
    },
    /// An entry of another version.
    #[error("{} is of no thing that this version knows", path.display())]
    Unknown { path: PathBuf },
}
