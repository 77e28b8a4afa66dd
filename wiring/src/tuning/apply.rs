//! Reads what an interface is tuned to, and tunes it, by ethtool's netlink family.

use std::collections::BTreeMap;

use super::resolve::{Mismatch, Reading};
use super::{Tuned, TuningError};
use crate::annotation::tuning::Number;
use crate::kernel::ethtool::{Ethtool, Group};
use crate::kernel::netlink::NetlinkError;
use crate::kernel::netns::Netns;

/// One interface that is tuned.
pub struct Tuner {
    socket: Ethtool,
    index: u32,
    interface: String,
}

/// What the messages about a group are called, and the group for people.
fn title(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Channels => ("CHANNELS", "the channels"),
        Group::Rings => ("RINGS", "the rings"),
        Group::Coalescing => ("COALESCE", "the coalescing"),
    }
}

impl Tuner {
    /// An interface of the calling thread's namespace.
    pub(crate) fn here(index: u32, interface: &str) -> Result<Self, TuningError> {
        Self::new(Ethtool::here(), index, interface)
    }

    /// An interface of a namespace.
    pub(crate) fn of(netns: &Netns, index: u32, interface: &str) -> Result<Self, TuningError> {
        Self::new(Ethtool::of(netns), index, interface)
    }

    fn new(
        socket: Result<Ethtool, NetlinkError>,
        index: u32,
        interface: &str,
    ) -> Result<Self, TuningError> {
        let interface = interface.to_owned();
        match socket {
            Ok(socket) => Ok(Self {
                socket,
                index,
                interface,
            }),
            Err(source) => Err(TuningError::Socket { interface, source }),
        }
    }

    /// Reads all that can be tuned.
    pub(crate) fn read(&mut self) -> Result<Reading, TuningError> {
        let mut reading = Reading::default();
        for group in Group::ALL {
            let (message, what) = title(group);
            let numbers = self.socket.numbers(group, self.index);
            let numbers = numbers.map_err(self.unread(what, message))?;
            reading.numbers.extend(numbers);
        }
        let features = self.socket.features(self.index);
        reading.features = features.map_err(self.unread("the offloads", "FEATURES"))?;
        Ok(reading)
    }

    fn unread(
        &self,
        what: &'static str,
        message: &'static str,
    ) -> impl FnOnce(NetlinkError) -> TuningError {
        let interface = self.interface.clone();
        move |source| TuningError::Read {
            what,
            message,
            interface,
            source,
        }
    }

    /// Makes the interface, which is `now`, what it is to be. `step` is called after each change. Goes on after errors and
    /// returns the first.
    pub(crate) fn tune(
        &mut self,
        now: &Reading,
        wanted: &Tuned,
        step: fn(),
    ) -> Result<(), TuningError> {
        let changes = wanted.changes(now);
        let mut done = Ok(());
        for group in Group::ALL {
            let numbers = changes.numbers.iter();
            let numbers = numbers.filter(|(number, _)| number.group() == group);
            let numbers: Vec<(Number, u32)> =
                numbers.map(|(number, value)| (*number, *value)).collect();
            if !numbers.is_empty() {
                done = done.and(self.set_numbers(group, &numbers));
                step();
            }
        }
        if !changes.features.is_empty() {
            done = done.and(self.set_features(&changes.features));
            step();
        }
        done
    }

    fn set_numbers(&mut self, group: Group, numbers: &[(Number, u32)]) -> Result<(), TuningError> {
        let set = self.socket.set_numbers(group, self.index, numbers);
        set.map_err(|source| {
            let one = |(number, value): &(Number, u32)| {
                format!("`tuning.{number}` to {}", number.show(*value))
            };
            self.refused(numbers.iter().map(one), title(group).0, source)
        })
    }

    fn set_features(&mut self, features: &BTreeMap<String, bool>) -> Result<(), TuningError> {
        let all = features.iter().map(|(name, on)| (name.as_str(), *on));
        let set = self.socket.set_features(self.index, all);
        set.map_err(|source| {
            let one = |(name, on): (&String, &bool)| {
                format!("`{name}` to {}", if *on { "on" } else { "off" })
            };
            self.refused(features.iter().map(one), "FEATURES", source)
        })
    }

    fn refused(
        &self,
        what: impl Iterator<Item = String>,
        message: &'static str,
        source: NetlinkError,
    ) -> TuningError {
        TuningError::Set {
            what: what.collect::<Vec<_>>().join(", "),
            message,
            interface: self.interface.clone(),
            source,
        }
    }

    /// The first thing that is not what it is to be.
    pub(crate) fn mismatch(&mut self, wanted: &Tuned) -> Result<Option<Mismatch>, TuningError> {
        Ok(wanted.mismatch(&self.read()?))
    }

    /// Reads back what the interface was told.
    ///
    /// # Errors
    /// [`TuningError::NotKept`].
    pub(crate) fn verify(&mut self, wanted: &Tuned) -> Result<(), TuningError> {
        match self.mismatch(wanted)? {
            None => Ok(()),
            Some(Mismatch { key, wanted, found }) => Err(TuningError::NotKept {
                key,
                wanted,
                found,
                interface: self.interface.clone(),
            }),
        }
    }
}
