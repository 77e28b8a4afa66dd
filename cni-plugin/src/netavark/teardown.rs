//! `teardown`: detaches a container. What is gone already is no error.

use super::error::DriverError;
use super::{message, setup};
use crate::attach;
use crate::plugin::{PluginError, gc};
use pinwire_wiring::ledger::State;

/// Detaches a container by what was written down or, where that is lost, by its name. Neither the namespace nor the
/// network has to be there still.
///
/// # Errors
/// All that could not be removed, after everything was tried.
pub(crate) fn teardown(state: &State, call: message::Teardown) -> Result<(), DriverError> {
    let name = setup::name(
        &call.network.id,
        &call.container_id,
        &call.network_options.interface_name,
    )
    .map_err(DriverError::Attachment)?;
    let errors = match state.read(&name) {
        Ok(Some(attachment)) => gc::detach(state, attachment, None),
        // A damaged record is as good as none.
        Ok(None) | Err(_) => {
            let left = attach::detach_by_name(state, &name);
            left.into_iter().map(PluginError::from).collect()
        }
    };
    Ok(PluginError::all(errors)?)
}
