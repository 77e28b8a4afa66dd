//! STATUS: whether ADD could be served. A runtime makes the node unready if not, so only what would keep *every* ADD from
//! working counts.

use super::error::PluginError;
use crate::attach::ipam;
use crate::cni::delegate::Delegate;
use crate::cni::ipam::IpamError;
use crate::cni::version::Version;
use pinwire_wiring::ledger::State;

/// Whether state can be written and the IPAM plugin, if there is one, is there and ready.
///
/// # Errors
/// [`PluginError::Unavailable`] and [`PluginError::OldIpam`].
pub fn status(
    state: &State,
    version: Version,
    delegate: Option<&Delegate>,
) -> Result<(), PluginError> {
    let unavailable = |error: PluginError| PluginError::Unavailable(Box::new(error));
    state.probe().map_err(|error| unavailable(error.into()))?;
    let Some(delegate) = delegate else {
        return Ok(());
    };
    let ipam = ipam(delegate);
    let speaks = ipam.speaks(version);
    if !speaks.map_err(|error| unavailable(error.into()))? {
        return Err(PluginError::OldIpam {
            kind: delegate.kind.clone(),
            version,
        });
    }
    match ipam.status() {
        Ok(()) => Ok(()),
        Err(error @ IpamError::Reported { code: 50 | 51, .. }) => Err(unavailable(error.into())),
        // It speaks the version but knows no STATUS, as plugins do that were built with an old library: ADD works.
        Err(IpamError::Reported { .. } | IpamError::Silent { .. }) => Ok(()),
        Err(error) => Err(unavailable(error.into())),
    }
}
