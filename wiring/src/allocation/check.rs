//! CHECK of virtual functions: what their physical functions say of them, and their drivers. Their interfaces are checked as
//! those of any link.

use super::error::AllocationError;
use super::tune;
use crate::annotation::Attribute;
use crate::ledger::{AttachmentName, Holding, State};
use crate::machine::{PciAddress, Sysfs};
use crate::observe::Observation;
use crate::tuning::Mismatch;
use crate::vf::Physical;
use crate::wire::{EndDifference, Expected, Place, check_end};

/// A virtual function that is not as it was attached.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum VfDifference {
    /// A virtual function was told something else.
    #[error("the virtual function {function} has {found} instead of {wanted}")]
    Attribute {
        function: PciAddress,
        wanted: Attribute,
        found: Attribute,
    },
    /// A virtual function got another driver.
    #[error("the virtual function {function} has the driver {found} instead of {expected}")]
    Driver {
        function: PciAddress,
        expected: String,
        found: String,
    },
    /// It is tuned to something else.
    #[error("{what} has {} instead of {} as `tuning.{}`", mismatch.found, mismatch.wanted, mismatch.key)]
    Tuning { what: String, mismatch: Mismatch },
}

/// Checks all virtual functions that an attachment holds, and returns them. `found` is what is in its namespace, which is at
/// `place`.
///
/// # Errors
/// [`AllocationError::Difference`] and [`AllocationError::End`], of the first that is not as it was; what kept it from being
/// looked at.
pub fn check(
    state: &State,
    owner: &AttachmentName,
    place: &Place,
    found: &Observation,
) -> Result<Vec<Holding>, AllocationError> {
    let sysfs = Sysfs::default();
    let holdings = state.holdings_of(owner)?;
    for holding in &holdings {
        check_told(&sysfs, holding)?;
        check_interface(holding, place, found)?;
    }
    Ok(holdings)
}

/// Checks the driver, the attributes and the tuning of a virtual function.
pub(super) fn check_told(sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    check_driver(sysfs, holding)?;
    check_attributes(sysfs, holding)?;
    tune::check(sysfs, holding)
}

fn check_driver(sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    let function = sysfs.virtual_function(holding.function);
    let found = function?.driver;
    let expected = holding.before.as_ref();
    let expected = expected.and_then(|before| before.driver.clone());
    if found == expected {
        return Ok(());
    }
    let name = |driver: Option<String>| driver.unwrap_or_else(|| "none".to_owned());
    Err(VfDifference::Driver {
        function: holding.function,
        expected: name(expected),
        found: name(found),
    }
    .into())
}

fn check_attributes(sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    let read = || -> Result<_, AllocationError> {
        let mut physical = Physical::open(&sysfs.physical_function(holding.physical)?)?;
        Ok(physical.read(holding.index)?)
    };
    let now = read()?;
    for wanted in holding.attributes.list() {
        match now.value_of(wanted) {
            Some(found) if found != wanted => {
                return Err(VfDifference::Attribute {
                    function: holding.function,
                    wanted,
                    found,
                }
                .into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_interface(
    holding: &Holding,
    place: &Place,
    found: &Observation,
) -> Result<(), EndDifference> {
    let (Some(end), Some(before)) = (holding.end(place.clone()), &holding.before) else {
        return Ok(());
    };
    let own = before.device.as_ref().map_or(0, |device| device.mtu);
    let expected = Expected {
        mac: end.mac,
        mtu: holding
            .inside
            .as_ref()
            .and_then(|inside| inside.mtu)
            .unwrap_or(own),
    };
    check_end(found, &end, expected, true).map(drop)
}
