//! The virtual functions of this host by the names that people call them, and what keeps one from being changed. The plugin's
//! inventory knows what there is and who has it; [`change`] has it changed.

use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::allocation::inventory;
use pinwire_wiring::allocation::inventory::{PhysicalReport, VfReport};
use pinwire_wiring::ledger::{State, StateError};
use pinwire_wiring::machine::{PciAddress, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
use pinwire_wiring::vf::DriverError;

pub mod change;

/// Where virtual functions are looked up.
#[derive(Debug)]
pub struct Functions {
    /// The devices.
    pub sysfs: Sysfs,
    /// Who has which: the state of the CNI plugin, which `up` shares.
    pub state: State,
}

/// What keeps virtual functions from being looked up or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum FunctionsError {
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
    NoFunction { name: String },
    #[error("the virtual functions of {physical} are in use: {}", users.join("; "))]
    InUse {
        physical: String,
        users: Vec<String>,
    },
    #[error("the virtual function {function} is held by {holder}")]
    Held {
        function: PciAddress,
        holder: String,
    },
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

impl Functions {
    /// All physical functions with their virtual ones, by address.
    ///
    /// # Errors
    /// [`FunctionsError::Allocation`].
    pub fn all(&self) -> Result<Vec<PhysicalReport>, FunctionsError> {
        Ok(inventory::list(&self.sysfs, &self.state)?)
    }

    /// One physical function, by its interface or PCI address, with its virtual ones.
    ///
    /// # Errors
    /// [`FunctionsError::NoPhysical`], and as [`Self::all`].
    pub fn physical(&self, name: &str) -> Result<PhysicalReport, FunctionsError> {
        let address = self.find_physical(name)?.address;
        Ok(inventory::show(&self.sysfs, &self.state, address)?)
    }

    /// One virtual function, by its PCI address, its interface, or `PF/INDEX`.
    ///
    /// # Errors
    /// [`FunctionsError::NoFunction`], and as [`Self::physical`].
    pub fn function(&self, name: &str) -> Result<VfReport, FunctionsError> {
        let function = self.find_function(name)?;
        let report = inventory::show(&self.sysfs, &self.state, function.physical)?;
        let mut functions = report.virtual_functions.into_iter();
        let found = functions.find(|one| one.function.address == function.address);
        found.ok_or_else(|| FunctionsError::NoFunction {
            name: name.to_owned(),
        })
    }

    /// The physical function of a name.
    fn find_physical(&self, name: &str) -> Result<PhysicalFunction, FunctionsError> {
        let all = self.sysfs.physical_functions()?;
        let address = name.parse::<PciAddress>().ok();
        let named = |one: &&PhysicalFunction| {
            let interface = one.interface.as_ref();
            address == Some(one.address) || interface.is_some_and(|found| found.name == name)
        };
        let found = all.iter().find(named).cloned();
        found.ok_or_else(|| FunctionsError::NoPhysical {
            name: name.to_owned(),
            known: all.iter().map(title).collect(),
        })
    }

    /// The virtual function of a name.
    fn find_function(&self, name: &str) -> Result<VirtualFunction, FunctionsError> {
        if let Some((physical, index)) = name.rsplit_once('/')
            && let Ok(index) = index.parse()
        {
            let physical = self.find_physical(physical)?;
            return Ok(self.sysfs.by_index(physical.address, index)?);
        }
        let address = name.parse().ok();
        let address = address.or_else(|| self.sysfs.device_of(name));
        let function = address.map(|address| self.sysfs.virtual_function(address));
        match function {
            Some(Ok(function)) => Ok(function),
            None | Some(Err(SysfsError::NoDevice(_) | SysfsError::NotVirtual(_))) => {
                Err(FunctionsError::NoFunction {
                    name: name.to_owned(),
                })
            }
            Some(Err(error)) => Err(error.into()),
        }
    }
}
