//! The virtual functions of this host by the names that people call them, and what keeps one from being changed. The plugin's
//! inventory knows what there is and who has it; [`change`] has it changed.

use pinwire_wiring::allocation::inventory::{PhysicalReport, VfReport};
use pinwire_wiring::allocation::{AllocationError, inventory};
use pinwire_wiring::ledger::{State, StateError};
use pinwire_wiring::machine::{PciAddress, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
use pinwire_wiring::vf::DriverError;

pub mod change;

/// Where virtual functions are looked up.
#[derive(Debug)]
pub struct HostVfs {
    /// The devices.
    pub sysfs: Sysfs,
    /// Who has which: the state of the CNI plugin, which `up` shares.
    pub state: State,
}

/// What keeps virtual functions from being looked up or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum VfError {
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    #[error(
        "this host has no physical function `{name}`; it has {}",
        listed(known)
    )]
    NoPhysical { name: String, known: Vec<String> },
    #[error(
        "`{name}` is no virtual function of this host: write its PCI address, its interface, or PF/INDEX; `pinwire vf list` has them all"
    )]
    NoVf { name: String },
    #[error("the virtual functions of {physical} are in use: {}", users.join("; "))]
    InUse {
        physical: String,
        users: Vec<String>,
    },
    #[error("the virtual function {vf} is held by {holder}")]
    Held { vf: PciAddress, holder: String },
    #[error(
        "some virtual functions of {physical} are not at home, so that somebody may use them: {}; --force removes them all the same",
        users.join("; ")
    )]
    Away {
        physical: String,
        users: Vec<String>,
    },
    #[error(
        "the virtual function {0} is in no IOMMU group, and a process may drive a device only behind an IOMMU: boot with `intel_iommu=on iommu=pt` (AMD: on by default), and turn it on in the firmware"
    )]
    NoIommu(PciAddress),
}

fn listed(known: &[String]) -> String {
    if known.is_empty() {
        return "none: `pinwire check --for vf` says what is missing".to_owned();
    }
    known.join(", ")
}

/// A physical function for people: its interface, if it has one, and its address.
pub fn title(physical: &PhysicalFunction) -> String {
    match &physical.interface {
        Some(interface) => format!("{} ({})", interface.name, physical.address),
        None => physical.address.to_string(),
    }
}

impl HostVfs {
    /// All physical functions with their virtual ones, by address.
    ///
    /// # Errors
    /// [`VfError::Allocation`].
    pub fn all(&self) -> Result<Vec<PhysicalReport>, VfError> {
        Ok(inventory::list(&self.sysfs, &self.state)?)
    }

    /// One physical function, by its interface or PCI address, with its virtual ones.
    ///
    /// # Errors
    /// [`VfError::NoPhysical`], and as [`Self::all`].
    pub fn physical(&self, name: &str) -> Result<PhysicalReport, VfError> {
        let address = self.find_physical(name)?.address;
        Ok(inventory::show(&self.sysfs, &self.state, address)?)
    }

    /// One virtual function, by its PCI address, its interface, or `PF/INDEX`.
    ///
    /// # Errors
    /// [`VfError::NoVf`], and as [`Self::physical`].
    pub fn vf(&self, name: &str) -> Result<VfReport, VfError> {
        let vf = self.find_vf(name)?;
        let report = inventory::show(&self.sysfs, &self.state, vf.physical)?;
        let mut vfs = report.virtual_functions.into_iter();
        let found = vfs.find(|one| one.function.address == vf.address);
        found.ok_or_else(|| VfError::NoVf {
            name: name.to_owned(),
        })
    }

    /// The physical function of a name.
    fn find_physical(&self, name: &str) -> Result<PhysicalFunction, VfError> {
        let all = self.sysfs.physical_functions()?;
        let address = name.parse::<PciAddress>().ok();
        let named = |one: &&PhysicalFunction| {
            let interface = one.interface.as_ref();
            address == Some(one.address) || interface.is_some_and(|found| found.name == name)
        };
        let found = all.iter().find(named).cloned();
        found.ok_or_else(|| VfError::NoPhysical {
            name: name.to_owned(),
            known: all.iter().map(title).collect(),
        })
    }

    /// The virtual function of a name.
    fn find_vf(&self, name: &str) -> Result<VirtualFunction, VfError> {
        if let Some((physical, index)) = name.rsplit_once('/')
            && let Ok(index) = index.parse()
        {
            let physical = self.find_physical(physical)?;
            return Ok(self.sysfs.by_index(physical.address, index)?);
        }
        let address = name.parse().ok();
        let address = address.or_else(|| self.sysfs.device_of(name));
        let vf = address.map(|address| self.sysfs.virtual_function(address));
        match vf {
            Some(Ok(vf)) => Ok(vf),
            None | Some(Err(SysfsError::NoDevice(_) | SysfsError::NotVirtual(_))) => {
                Err(VfError::NoVf {
                    name: name.to_owned(),
                })
            }
            Some(Err(error)) => Err(error.into()),
        }
    }
}
