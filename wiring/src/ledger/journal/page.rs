//! The files of one thing: its entry, the entry that is being written, and the lock, under which alone both change.

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{JournalError, Thing, User};
use crate::fault::step;
use crate::ledger::lock::take;
use crate::ledger::{State, StateError, names, read, remove, replace};

/// The directory of all entries.
const DIRECTORY: &str = "host";
/// The end of a lock's name.
const LOCK: &str = ".lock";

/// What is written down of a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// The thing, for people: the file is named after it.
    pub(super) thing: Thing,
    /// Its value before the first change.
    pub(super) original: String,
    /// Who uses it, in the order of arrival.
    pub(super) users: Vec<User>,
}

impl Entry {
    /// An entry without users.
    pub(super) fn new(thing: Thing, original: String) -> Self {
        Self {
            thing,
            original,
            users: Vec::new(),
        }
    }
}

/// The right to change one thing and its entry, until closed or dropped.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) thing: Thing,
    entry: PathBuf,
    new: PathBuf,
    lock: PathBuf,
    _locked: File,
}

impl Page {
    /// Takes the lock of a thing, and removes what a call left that was killed while it wrote.
    pub(super) fn open(state: &State, thing: Thing) -> Result<Self, StateError> {
        let (directory, key) = (state.root.join(DIRECTORY), thing.key());
        let lock = directory.join(format!("{key}{LOCK}"));
        let page = Self {
            thing,
            entry: directory.join(&key),
            new: directory.join(format!(".{key}")),
            _locked: take(&lock, &thing)?,
            lock,
        };
        step();
        remove(&page.new)?;
        Ok(page)
    }

    pub(super) fn read(&self) -> Result<Option<Entry>, StateError> {
        read(&self.entry)
    }

    pub(super) fn write(&self, entry: &Entry) -> Result<(), StateError> {
        replace(&self.new, &self.entry, entry)
    }

    /// Removes the entry: the thing is as it was.
    pub(super) fn remove(&self) -> Result<(), StateError> {
        remove(&self.entry)
    }

    /// Removes the lock if there is no entry, and lets go.
    pub(super) fn close(self) -> Result<(), StateError> {
        match self.entry.exists() {
            true => Ok(()),
            false => remove(&self.lock),
        }
    }
}

/// The things of which there is any file, in order, and errors for names that are of no known thing.
pub(super) fn list(state: &State) -> Result<(Vec<Thing>, Vec<JournalError>), StateError> {
    let directory = state.root.join(DIRECTORY);
    let (mut things, mut unknown) = (Vec::new(), Vec::new());
    for name in names(&directory)? {
        let key = name.strip_prefix('.').unwrap_or(&name);
        match Thing::of_key(key.strip_suffix(LOCK).unwrap_or(key)) {
            Some(thing) => things.push(thing),
            None => unknown.push(JournalError::Unknown {
                path: directory.join(&name),
            }),
        }
    }
    things.sort();
    things.dedup();
    Ok((things, unknown))
}
