//! Virtual functions that attachments hold: one file for each, by PCI address, with what it was before the first change.
//!
//! The file is written before the virtual function is touched and removed when it is as it was. It is at once the table of
//! who has what and the journal by which whoever comes next can undo. Only to be changed under the lock of the physical
//! function.

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lock::take;
use super::{AttachmentName, NetnsRecord, State, StateError, names, remove, replace};
use crate::annotation::{Attributes, Found};
use crate::machine::PciAddress;
use crate::machine::cpu::Cpus;
use crate::name::{InterfaceName, NodeName, TopologyName};
use crate::tuning::Tuned;
use crate::vf::{Device, Inside};
use crate::wire::{Place, WireEnd};

/// A virtual function that an attachment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The virtual function.
    pub function: PciAddress,
    /// The physical function that it belongs to.
    pub physical: PciAddress,
    /// Its index there.
    pub index: u32,
    /// The attachment that holds it.
    pub owner: AttachmentName,
    /// The attachment for people: the pod and its interface.
    pub holder: String,
    /// The namespace that it is for.
    pub netns: NetnsRecord,
    /// Its interface there; none if a process drives it itself.
    pub inside: Option<Inside>,
    /// What it was told.
    pub attributes: Attributes,
    /// What its interface was tuned to, as far as its driver supports that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// The CPUs that its interrupts were moved to; where they were is in the [`Journal`](super::Journal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupts: Option<Cpus>,
    /// Whether it is reset when it is given back.
    #[serde(default, skip_serializing_if = "Reset::is_no")]
    pub reset: Reset,
    /// The wire that it is an end of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<WireShare>,
    /// What it was; none before it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// Whether a virtual function is reset when it is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reset {
    /// It is not.
    #[default]
    No,
    /// It is to be.
    Wanted,
    /// Its interface is home, and its driver may be unbound for the reset.
    Begun,
}

impl Reset {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_no(&self) -> bool {
        *self == Self::No
    }
}

/// A virtual function's share in a wire of a topology: what it says about the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireShare {
    /// The topology.
    pub topology: TopologyName,
    /// This end.
    pub own: (NodeName, InterfaceName),
    /// The other end.
    pub peer: (NodeName, InterfaceName),
    /// The virtual function of the other end, whether anybody is there yet or not.
    pub partner: PciAddress,
    /// The physical function of the other end.
    pub partner_physical: PciAddress,
    /// The VLAN of both.
    pub vlan: u16,
}

/// What a virtual function was before the first change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// Its interface; none if a process drives it itself.
    pub device: Option<Device>,
    /// What it had been told.
    pub found: Found,
    /// Its driver.
    pub driver: Option<String>,
    /// Whether it could choose its MAC address by itself; not known before that was tried.
    #[serde(default)]
    pub free_mac: Option<bool>,
    /// The kernel's methods to reset it, in order, if it is to be reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_methods: Option<String>,
    /// What its interface was tuned to, if it was to be tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
}

impl Holding {
    /// The interface in the container, which is at `place`; none if a process drives it itself.
    pub fn end(&self, place: Place) -> Option<WireEnd> {
        let inside = self.inside.as_ref()?;
        Some(WireEnd {
            place,
            interface: inside.name.clone(),
            mac: inside.mac,
            altname: inside.altname.clone(),
            // It is in what was written down of the virtual function itself.
            group: None,
            tuning: Box::default(),
        })
    }
}

/// The right to change virtual functions of some physical functions, until dropped.
#[derive(Debug)]
pub(crate) struct PhysicalLocks(Vec<(PathBuf, PciAddress, File)>);

impl State {
    /// Locks physical functions, in an order that is the same in all calls.
    pub(crate) fn lock_physical(
        &self,
        mut physical: Vec<PciAddress>,
    ) -> Result<PhysicalLocks, StateError> {
        physical.sort();
        physical.dedup();
        let locks = physical.into_iter().map(|address| {
            let path = self.root.join("physical").join(address.to_string());
            let what = format!("the virtual functions of {address}");
            Ok((path.clone(), address, take(&path, &what)?))
        });
        locks.collect::<Result<_, _>>().map(PhysicalLocks)
    }

    /// Lets go, and removes the locks of physical functions of which nothing is held any more.
    pub(crate) fn unlock_physical(&self, locks: PhysicalLocks) -> Result<(), StateError> {
        let holdings = self.holdings()?;
        for (path, address, _) in &locks.0 {
            if !holdings.iter().any(|holding| holding.physical == *address) {
                self.discard_unfinished_holdings(&address.to_string())?;
                remove(path)?;
            }
        }
        Ok(())
    }

    /// Removes files that calls were killed over while they wrote down what of a physical function they held, whose lock the
    /// caller has.
    fn discard_unfinished_holdings(&self, physical: &str) -> Result<(), StateError> {
        let functions = self.root.join("functions");
        let unfinished = format!(".{physical}@");
        for name in names(&functions)? {
            if name.starts_with(&unfinished) {
                remove(&functions.join(name))?;
            }
        }
        Ok(())
    }

    /// Removes what calls left that were killed: locks of physical functions of which nothing is held, and files that
    /// were being written under them.
    pub(crate) fn tidy_physical(&self) -> Result<(), StateError> {
        let directory = self.root.join("physical");
        let held: Vec<String> = self
            .holdings()?
            .iter()
            .map(|holding| holding.physical.to_string())
            .collect();
        for name in names(&directory)? {
            let path = directory.join(&name);
            if held.contains(&name) {
                continue;
            }
            // Whoever has it now removes it later.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                self.discard_unfinished_holdings(&name)?;
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Writes down what is held, or is going to be.
    pub(crate) fn hold(&self, holding: &Holding) -> Result<(), StateError> {
        let path = self.holding_path(holding.function);
        let new = self.new_holding_path(holding.physical, holding.function);
        replace(&new, &path, holding)
    }

    /// Forgets what an attachment held, if it still does.
    pub(crate) fn release(&self, holding: &Holding) -> Result<(), StateError> {
        let held = self.holding(holding.function)?;
        if held.is_some_and(|held| held.owner != holding.owner) {
            return Ok(());
        }
        let path = self.holding_path(holding.function);
        // A call that was killed while it wrote leaves the new file.
        remove(&self.new_holding_path(holding.physical, holding.function))?;
        remove(&path)
    }

    /// Who holds a virtual function.
    ///
    /// # Errors
    /// [`StateError`], if that cannot be read.
    pub fn holding(&self, function: PciAddress) -> Result<Option<Holding>, StateError> {
        super::read(&self.holding_path(function))
    }

    /// All virtual functions that are held, by address.
    ///
    /// # Errors
    /// [`StateError`], of the first that cannot be read.
    pub fn holdings(&self) -> Result<Vec<Holding>, StateError> {
        let mut names = names(&self.root.join("functions"))?;
        names.sort();
        let functions = names.iter().filter_map(|name| name.parse().ok());
        let holdings = functions.map(|function| self.holding(function));
        let holdings: Result<Vec<_>, _> = holdings.collect();
        Ok(holdings?.into_iter().flatten().collect())
    }

    /// The virtual functions that an attachment holds.
    ///
    /// # Errors
    /// As [`Self::holdings`].
    pub fn holdings_of(&self, owner: &AttachmentName) -> Result<Vec<Holding>, StateError> {
        let mut holdings = self.holdings()?;
        holdings.retain(|holding| holding.owner == *owner);
        Ok(holdings)
    }

    /// Where a holding is written: named after the physical function, whose lock the writer has.
    fn new_holding_path(&self, physical: PciAddress, function: PciAddress) -> PathBuf {
        self.root
            .join("functions")
            .join(format!(".{physical}@{function}"))
    }

    fn holding_path(&self, function: PciAddress) -> PathBuf {
        self.root.join("functions").join(function.to_string())
    }
}
