//! Who gets which virtual function, and how it goes back.
//!
//! What [`take()`] does, in this order, and why: the virtual function is chosen and written down, so that nobody else takes
//! it; what it was is written down, so that whoever comes next can undo; it takes its MAC address, before its physical
//! function binds it to that; its physical function is told the rest (`take`); its interface moves and is read back
//! (`enter`); interrupts come last, as a driver may have asked for other vectors until then (`tune`). Undoing (`restore`)
//! starts from what is found, whatever came of all that.

use crate::fault::step;
use crate::kernel::netns::Netns;
use crate::ledger::{Holding, State};
use crate::machine::Sysfs;
use crate::vf::Device;

pub mod check;
mod choice;
pub mod device;
pub mod end;
mod enter;
mod error;
pub mod inventory;
mod near;
mod reset;
pub mod restore;
mod search;
mod take;
mod tune;

pub use check::VfDifference;
pub use choice::Source;
pub use error::AllocationError;
pub use near::Runner;
pub use take::Wanted;

/// Gives a virtual function to an attachment, in whose namespace it arrives. Returns its interface there too; none where a
/// process drives it itself. From the moment that it is written down, [`restore::give_back`] undoes all.
///
/// # Errors
/// The first [`AllocationError`]; the caller undoes.
pub fn take(
    state: &State,
    sysfs: &Sysfs,
    wanted: &Wanted<'_>,
    netns: &Netns,
) -> Result<(Holding, Option<Device>), AllocationError> {
    let holding = take::take(state, sysfs, wanted)?;
    step();
    let device = enter::enter(&holding, netns)?;
    step();
    tune::settle(state, sysfs, &holding, netns, device.as_ref())?;
    Ok((holding, device))
}
