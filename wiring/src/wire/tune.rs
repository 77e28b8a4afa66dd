//! Ends of wires are tuned, and looked at again. Nothing is restored: a wire goes with all that it was told. Queues are those
//! that an end was born with.

use super::sockets::Sockets;
use super::{WireEnd, WireError};
use crate::tuning::{Mismatch, Tuner, TuningError};

/// Tunes a new end.
pub(super) fn tune(sockets: &mut Sockets, end: &WireEnd) -> Result<(), WireError> {
    let Some(mut tuner) = tuner(sockets, end)? else {
        return Ok(());
    };
    let mut tune = || -> Result<(), TuningError> {
        let now = tuner.read()?;
        let (wanted, unsupported) = now.resolve(&end.tuning, end.interface.as_str())?;
        for key in unsupported {
            tracing::warn!(%end, key = format!("tuning.{key}"), "not supported by the driver");
        }
        tuner.tune(&now, &wanted, || {})?;
        tuner.verify(&wanted)
    };
    refused(end, tune())
}

/// What of an end's tuning is not as it was told; nothing if the end is gone.
///
/// # Errors
/// [`WireError`], if that cannot be told.
pub fn detuned(end: &WireEnd) -> Result<Option<Mismatch>, WireError> {
    let Some(mut tuner) = tuner(&mut Sockets::default(), end)? else {
        return Ok(None);
    };
    let mut look = || -> Result<_, TuningError> {
        let now = tuner.read()?;
        let (wanted, _) = now.resolve(&end.tuning, end.interface.as_str())?;
        Ok(wanted.mismatch(&now))
    };
    refused(end, look())
}

/// The end, if it is to be tuned and there.
fn tuner(sockets: &mut Sockets, end: &WireEnd) -> Result<Option<Tuner>, WireError> {
    if end.tuning.is_empty() {
        return Ok(None);
    }
    let inside = sockets.of(end)?;
    let Some(index) = inside.socket.index_of(end.interface.as_str()) else {
        return Ok(None);
    };
    let tuner = Tuner::of(&inside.netns, index, end.interface.as_str());
    refused(end, tuner.map(Some))
}

fn refused<T>(end: &WireEnd, result: Result<T, TuningError>) -> Result<T, WireError> {
    result.map_err(|source| WireError::Tune {
        end: Box::new(end.clone()),
        source: Box::new(source),
    })
}
