//! CHECK of virtual functions: what their physical functions say of them, and their drivers. Their interfaces are checked as
//! those of any link.

use super::error::FunctionError;
use super::tune;
use crate::check::{Difference, Expected, check_end};
use crate::cni::error::PluginError;
use crate::ledger::{AttachmentName, Holding, State};
use crate::machine::Sysfs;
use crate::observe::Observation;
use crate::vf::Physical;
use crate::wire::Place;

/// Checks all virtual functions that an attachment holds. `found` is what is in its namespace, which is at `place`.
pub(crate) fn check(
    state: &State,
    owner: &AttachmentName,
    place: &Place,
    found: &Observation,
) -> Result<Vec<Holding>, PluginError> {
    let sysfs = Sysfs::default();
    let holdings = state.holdings_of(owner)?;
    for holding in &holdings {
        check_told(&sysfs, holding)?;
        check_interface(holding, place, found)?;
    }
    Ok(holdings)
}

/// Checks the driver, the attributes and the tuning of a virtual function.
pub(super) fn check_told(sysfs: &Sysfs, holding: &Holding) -> Result<(), PluginError> {
    check_driver(sysfs, holding)?;
    check_attributes(sysfs, holding)?;
    tune::check(sysfs, holding)
}

fn check_driver(sysfs: &Sysfs, holding: &Holding) -> Result<(), PluginError> {
    let function = sysfs.virtual_function(holding.function);
    let found = function.map_err(FunctionError::from)?.driver;
    let expected = holding.before.as_ref();
    let expected = expected.and_then(|before| before.driver.clone());
    if found == expected {
        return Ok(());
    }
    let name = |driver: Option<String>| driver.unwrap_or_else(|| "none".to_owned());
    Err(Difference::Driver {
        function: holding.function,
        expected: name(expected),
        found: name(found),
    }
    .into())
}

fn check_attributes(sysfs: &Sysfs, holding: &Holding) -> Result<(), PluginError> {
    let read = || -> Result<_, FunctionError> {
        let mut physical = Physical::open(&sysfs.physical_function(holding.physical)?)?;
        Ok(physical.read(holding.index)?)
    };
    let now = read()?;
    for wanted in holding.attributes.list() {
        match now.value_of(wanted) {
            Some(found) if found != wanted => {
                return Err(Difference::Attribute {
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
) -> Result<(), Difference> {
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
