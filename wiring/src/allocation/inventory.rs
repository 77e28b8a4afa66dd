//! What there is of SR-IOV on this machine and who has it, and the changes that an administrator makes to it: virtual
//! functions are made, removed, and given to other drivers, unless somebody holds them.

use std::path::PathBuf;

use serde::Serialize;

use super::error::AllocationError;
use crate::annotation::Found;
use crate::ledger::{AttachmentName, Holding, State};
use crate::machine::cpu::Cpus;
use crate::machine::{PciAddress, PhysicalFunction, Sysfs, VirtualFunction};
use crate::name::InterfaceName;
use crate::tuning::Tuned;
use crate::vf::{Physical, vfio_device};

/// A physical function and its virtual functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalReport {
    /// The physical function.
    #[serde(flatten)]
    pub function: PhysicalFunction,
    /// Whether its interface is up, as the kernel says; without it no virtual function works.
    pub up: bool,
    /// Its virtual functions, by index.
    pub virtual_functions: Vec<VfReport>,
}

/// A virtual function and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VfReport {
    /// The virtual function.
    #[serde(flatten)]
    pub function: VirtualFunction,
    /// What its physical function says of it; absent where that has no interface to ask.
    pub attributes: Option<Found>,
    /// Its VFIO device, if it is bound to vfio-pci.
    pub device: Option<PathBuf>,
    /// The interface and the pod or container that hold it.
    pub holder: Option<String>,
    /// The attachment that holds it.
    pub owner: Option<AttachmentName>,
    /// Its interface in the container of that; absent where a process drives it.
    pub inside: Option<InterfaceName>,
    /// What that was tuned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// The CPUs that its interrupts were moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupts: Option<Cpus>,
}

/// All physical functions of the machine.
///
/// # Errors
/// [`AllocationError`], if sysfs or state cannot be read.
pub fn list(sysfs: &Sysfs, state: &State) -> Result<Vec<PhysicalReport>, AllocationError> {
    let holdings = state.holdings()?;
    let functions = sysfs.physical_functions()?;
    let reports = functions
        .into_iter()
        .map(|function| report(sysfs, function, &holdings));
    reports.collect::<Result<_, _>>()
}

/// One physical function.
///
/// # Errors
/// As [`list`].
pub fn show(
    sysfs: &Sysfs,
    state: &State,
    address: PciAddress,
) -> Result<PhysicalReport, AllocationError> {
    let function = sysfs.physical_function(address);
    let function = function?;
    report(sysfs, function, &state.holdings()?)
}

/// Makes virtual functions of a physical function that has none.
///
/// # Errors
/// [`AllocationError`].
pub fn create(
    sysfs: &Sysfs,
    state: &State,
    address: PciAddress,
    count: u32,
) -> Result<Vec<VirtualFunction>, AllocationError> {
    let locks = state.lock_physical(vec![address])?;
    let created = sysfs.create(address, count)?;
    state.unlock_physical(locks)?;
    Ok(created)
}

/// Removes all virtual functions of a physical function.
///
/// # Errors
/// [`AllocationError::Held`] if somebody holds one; [`AllocationError`].
pub fn free(sysfs: &Sysfs, state: &State, address: PciAddress) -> Result<(), AllocationError> {
    let locks = state.lock_physical(vec![address])?;
    let mut holdings = state.holdings()?.into_iter();
    if let Some(holding) = holdings.find(|holding| holding.physical == address) {
        return Err(held(&holding));
    }
    sysfs.free(address)?;
    state.unlock_physical(locks)?;
    Ok(())
}

/// Gives a virtual function a driver, [`crate::annotation::VFIO`] for one, or back to the kernel's own (`None`).
///
/// # Errors
/// [`AllocationError::Held`] if somebody holds it; [`AllocationError`].
pub fn bind(
    sysfs: &Sysfs,
    state: &State,
    address: PciAddress,
    driver: Option<&str>,
) -> Result<VirtualFunction, AllocationError> {
    let function = sysfs.virtual_function(address);
    let physical = function?.physical;
    let locks = state.lock_physical(vec![physical])?;
    if let Some(holding) = state.holding(address)? {
        return Err(held(&holding));
    }
    let bound = match driver {
        Some(driver) => sysfs.bind(address, driver),
        None => sysfs.unbind(address),
    };
    let bound = bound?;
    state.unlock_physical(locks)?;
    Ok(bound)
}

/// The VFIO devices of an attachment, for the runtime that is to give them to its container.
///
/// # Errors
/// [`AllocationError`], if sysfs or state cannot be read.
pub fn devices(
    sysfs: &Sysfs,
    state: &State,
    owner: &AttachmentName,
) -> Result<Vec<PathBuf>, AllocationError> {
    let mut devices = Vec::new();
    for holding in state.holdings_of(owner)? {
        let function = sysfs.virtual_function(holding.function);
        devices.extend(vfio_device(&function?));
    }
    Ok(devices)
}

fn held(holding: &Holding) -> AllocationError {
    AllocationError::Held {
        function: holding.function,
        holder: holding.holder.clone(),
    }
}

fn report(
    sysfs: &Sysfs,
    function: PhysicalFunction,
    holdings: &[Holding],
) -> Result<PhysicalReport, AllocationError> {
    let (up, attributes) = match &function.interface {
        Some(_) if sysfs.is_live() => Physical::open(&function)?.ask()?,
        _ => (false, Vec::new()),
    };
    let functions = sysfs.virtual_functions(function.address)?.into_iter();
    let virtual_functions = functions.map(|function| {
        let mut attributes = attributes.iter();
        let attributes = attributes.find(|(index, _)| *index == function.index);
        let mut holdings = holdings.iter();
        let holding = holdings.find(|holding| holding.function == function.address);
        VfReport {
            attributes: attributes.map(|(_, found)| found.clone()),
            device: vfio_device(&function),
            holder: holding.map(|holding| holding.holder.clone()),
            owner: holding.map(|holding| holding.owner.clone()),
            inside: holding.and_then(|holding| Some(holding.inside.as_ref()?.name.clone())),
            tuned: holding.and_then(|holding| holding.tuned.clone()),
            interrupts: holding.and_then(|holding| holding.interrupts.clone()),
            function,
        }
    });
    Ok(PhysicalReport {
        up,
        virtual_functions: virtual_functions.collect(),
        function,
    })
}
