//! The journal of the host: whatever Pinwire changes outside of its own namespaces is one entry, whoever changes it. An
//! entry says what the thing was before the first change, and who uses it with which value.
//!
//! The original is saved once: a second user finds the entry and never takes the first one's value for it. The value of the
//! user that came last applies; when the last one leaves, in whatever order, the original is back and the entry goes.
//!
//! Any call may be killed at any moment, so an entry lists at least everybody whose value the kernel may have:
//!
//! - [`Journal::use_thing`] writes the entry first and tells the kernel then. Killed in between, the user is in the entry
//!   with a value that does not apply, and leaves as any other.
//! - [`Journal::release`] tells the kernel first and writes the entry then. Killed in between, the user is still in the
//!   entry, and whoever releases it once more finds the kernel told.
//! - Whoever changes an entry removes the users from it whose namespace is gone, under the lock of the thing, whose file
//!   goes with the entry. [`Journal::tidy`] does only that, for all things.
//!
//! Not here: what belongs to one user only, and virtual functions, which are [`super::Holding`]s.

use serde::{Deserialize, Serialize};

use super::gone::Inhabited;
use super::{AttachmentName, NetnsRecord, State};
use crate::fault::step;
use crate::machine::{Interrupts, Sysfs};

mod error;
mod host;
mod page;
#[cfg(test)]
mod tests;
mod thing;

pub use error::JournalError;
use host::Host;
use page::{Entry, Page};
pub use thing::Thing;

/// Who uses a thing, with which value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub name: AttachmentName,
    /// The namespace that it is for: the user is dead when this is gone.
    pub netns: NetnsRecord,
    /// The value, as one writes it into the kernel's file.
    pub value: String,
}

/// The things of one host that somebody changes.
#[derive(Debug)]
pub struct Journal<'a> {
    state: &'a State,
    host: Host<'a>,
    inhabited: Inhabited,
}

impl<'a> Journal<'a> {
    /// The journal of this host.
    pub fn here(state: &'a State, sysfs: &'a Sysfs) -> Self {
        Self::of(state, Interrupts::here(sysfs), Inhabited::default())
    }

    /// The journal of a host. Users whose namespace it lacks are dead.
    fn of(state: &'a State, interrupts: Interrupts<'a>, inhabited: Inhabited) -> Self {
        Self {
            state,
            host: Host { interrupts },
            inhabited,
        }
    }

    /// Gives a thing the value of a user, which takes the place of the one that it had before. Whether the thing is there:
    /// it may have vanished, or be somebody else's by now.
    ///
    /// # Errors
    /// [`JournalError`]. The user may be in the entry then, and the kernel may have its value: the caller releases it.
    pub fn use_thing(&self, thing: Thing, user: User) -> Result<bool, JournalError> {
        let page = Page::open(self.state, thing)?;
        let used = self.add(&page, user);
        let closed = page.close();
        let used = used?;
        Ok(closed.map(|()| used)?)
    }

    /// Lets a user leave a thing: it gets the value of the last of the others, or its original if there are none. That the
    /// user is not in the entry, or the thing has vanished, is no error.
    ///
    /// # Errors
    /// [`JournalError`]. The user stays in the entry then.
    pub fn release(&self, thing: Thing, user: &AttachmentName) -> Result<(), JournalError> {
        self.turn(thing, |other| other.name == *user)
    }

    /// The things that have an entry, or something that a killed call left of one. Files of others are reported by
    /// [`Self::tidy`].
    ///
    /// # Errors
    /// [`JournalError::State`], if they cannot be listed.
    pub fn things(&self) -> Result<Vec<Thing>, JournalError> {
        Ok(page::list(self.state)?.0)
    }

    /// Removes dead users from all entries, and what killed calls left. Goes on after errors and returns them all.
    pub fn tidy(&self) -> Vec<JournalError> {
        let (things, mut errors) = match page::list(self.state) {
            Ok(found) => found,
            Err(error) => return vec![error.into()],
        };
        let turned = things
            .into_iter()
            .filter_map(|thing| self.turn(thing, |_| false).err());
        errors.extend(turned);
        errors
    }

    fn add(&self, page: &Page, mut user: User) -> Result<bool, JournalError> {
        user.value = Host::canonical(page.thing, &user.value)?;
        let entry = page.read()?;
        let Some(original) = self.host.read(page.thing)? else {
            // There is nothing to restore any more, for nobody.
            page.remove()?;
            return Ok(false);
        };
        let mut entry = entry.unwrap_or_else(|| Entry::new(page.thing, original));
        self.remove(&mut entry.users, |other| other.name == user.name)?;
        let value = user.value.clone();
        entry.users.push(user);
        page.write(&entry)?;
        step();
        self.host.set(page.thing, &value)?;
        step();
        match self.host.read(page.thing)? {
            Some(found) if found != value => Err(JournalError::NotKept {
                thing: page.thing,
                wanted: value,
                found,
            }),
            found => Ok(found.is_some()),
        }
    }

    /// Removes users from an entry that leave it, and the dead.
    fn turn(&self, thing: Thing, leaves: impl Fn(&User) -> bool) -> Result<(), JournalError> {
        let page = Page::open(self.state, thing)?;
        let settled = self.settle(&page, leaves);
        let closed = page.close();
        settled?;
        Ok(closed?)
    }

    fn settle(&self, page: &Page, leaves: impl Fn(&User) -> bool) -> Result<(), JournalError> {
        let Some(mut entry) = page.read()? else {
            return Ok(());
        };
        if !self.remove(&mut entry.users, leaves)? {
            return Ok(());
        }
        let last = entry.users.last();
        let value = last.map_or(&entry.original, |user| &user.value);
        if self.host.takes(page.thing, value)? {
            self.host.set(page.thing, value)?;
            step();
        }
        match last {
            Some(_) => page.write(&entry)?,
            None => page.remove()?,
        }
        step();
        Ok(())
    }

    /// Removes users that leave, and the dead. Whether there are any, or nobody is left.
    fn remove(
        &self,
        users: &mut Vec<User>,
        leaves: impl Fn(&User) -> bool,
    ) -> Result<bool, JournalError> {
        let before = users.len();
        let mut left = Vec::with_capacity(before);
        for user in users.drain(..) {
            if !leaves(&user) && !self.inhabited.lacks(&user.netns)? {
                left.push(user);
            }
        }
        *users = left;
        Ok(users.len() < before || users.is_empty())
    }
}
