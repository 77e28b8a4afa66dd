//! What the kernel says of a thing, and how it is told. Values are texts as [`Host::read`] returns them.

use super::{JournalError, Thing};
use crate::machine::Interrupts;
use crate::machine::cpu::Cpus;

/// The kernel's side of the journal.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) interrupts: Interrupts<'a>,
}

impl Host<'_> {
    /// A value of somebody as the kernel writes it.
    pub(super) fn canonical(thing: Thing, value: &str) -> Result<String, JournalError> {
        match thing {
            Thing::Interrupt { .. } => Ok(cpus(thing, value)?.to_string()),
        }
    }

    /// The value of a thing; `None` if it has vanished, or is somebody else's.
    pub(super) fn read(&self, thing: Thing) -> Result<Option<String>, JournalError> {
        match thing {
            Thing::Interrupt { number, device } => {
                let cpus = self.interrupts.affinity(device, number)?;
                Ok(cpus.map(|cpus| cpus.to_string()))
            }
        }
    }

    /// Gives a thing a value, if it has another one. What has vanished, or is somebody else's, is left alone.
    pub(super) fn set(&self, thing: Thing, value: &str) -> Result<(), JournalError> {
        match thing {
            Thing::Interrupt { number, device } => {
                let cpus = cpus(thing, value)?;
                Ok(self.interrupts.set(device, number, &cpus)?)
            }
        }
    }

    /// Whether the kernel takes a value that it once had. Of interrupts it takes no CPUs of which none is online any more: it
    /// has long moved them itself.
    pub(super) fn takes(&self, thing: Thing, value: &str) -> Result<bool, JournalError> {
        match thing {
            Thing::Interrupt { .. } => Ok(cpus(thing, value)?.meets(&self.interrupts.online()?)),
        }
    }
}

fn cpus(thing: Thing, value: &str) -> Result<Cpus, JournalError> {
    value.parse().map_err(|_| JournalError::Value {
        thing,
        value: value.to_owned(),
    })
}
