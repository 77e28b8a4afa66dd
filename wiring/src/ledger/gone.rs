//! Whether anybody still has a namespace that was written down. Not here: what goes with it.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::NetnsRecord;
use crate::kernel::netns;
use crate::kernel::netns::{NetnsError, NetnsId};

/// The namespaces that processes are in: looked up once, when a namespace is first missed where it was.
#[derive(Debug, Default)]
pub struct Inhabited(OnceCell<HashSet<NetnsId>>);

impl Inhabited {
    /// As if there were no processes: a namespace that is no more where it was is gone.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self(OnceCell::from(HashSet::new()))
    }

    /// Whether a namespace is no more where it was and no process is in it: whoever made it may keep it mounted where the
    /// mount namespace of the caller does not show it.
    pub(crate) fn lacks(&self, record: &NetnsRecord) -> Result<bool, NetnsError> {
        if record.open().is_some() {
            return Ok(false);
        }
        if self.0.get().is_none() {
            // Nobody else can have set it meanwhile.
            let _ = self.0.set(netns::inhabited()?);
        }
        Ok(self
            .0
            .get()
            .is_some_and(|found| !found.contains(&record.id)))
    }

    /// Keeps of some values those whose namespace is gone.
    pub fn retain_gone<T>(
        &self,
        values: &mut Vec<T>,
        record: impl Fn(&T) -> &NetnsRecord,
    ) -> Result<(), NetnsError> {
        let mut gone = Vec::new();
        for value in values.drain(..) {
            if self.lacks(record(&value))? {
                gone.push(value);
            }
        }
        *values = gone;
        Ok(())
    }
}
