//! The function-level reset between two tenants: found possible when the virtual function is taken, done when it is given back.
//! It has to be without its driver then, so that its interface is another one afterwards.

use super::error::AllocationError;
use super::take::host_device;
use crate::annotation::VFIO;
use crate::fault::step;
use crate::ledger::{Before, Holding, Reset, State};
use crate::machine::Sysfs;
use crate::vf::Device;

/// Notes that a virtual function is to be reset. That it cannot be is an error if `strict`.
pub(super) fn look(
    sysfs: &Sysfs,
    strict: bool,
    holding: &mut Holding,
) -> Result<(), AllocationError> {
    let function = holding.function;
    let Some(before) = &mut holding.before else {
        return Ok(());
    };
    if before.driver.as_deref() == Some(VFIO) {
        // vfio-pci resets it whenever a process opens or closes it, and cannot be unbound while one has it open.
        return Ok(());
    }
    if !sysfs.can_reset(function) {
        if strict {
            return Err(AllocationError::NoReset { function });
        }
        tracing::warn!(%function, "it cannot be reset: sysfs has no `reset` of it");
        return Ok(());
    }
    before.reset_methods = sysfs.reset_methods(function)?;
    holding.reset = Reset::Wanted;
    Ok(())
}

/// Resets a virtual function whose interface is at home or gone, and returns its new interface.
pub(super) fn reset(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
    before: &Before,
) -> Result<Device, AllocationError> {
    let function = holding.function;
    // Without a driver it has no interface to find: whoever comes after a kill must not look for one.
    state.hold(&Holding {
        reset: Reset::Begun,
        ..holding.clone()
    })?;
    step();
    let driver = before.driver.as_deref().unwrap_or_default();
    let methods = before.reset_methods.as_deref();
    let reset = sysfs.reset(function, methods, driver, step);
    let found = reset?;
    let device = host_device(&found)?;
    device.ok_or(AllocationError::Lost { function })
}
