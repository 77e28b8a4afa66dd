//! The tuning of a virtual function: what its interface was is written down with the rest, it is told on the host, where it is
//! down most often and no driver has to stop for it, and read back in the container, where it is up. Its interrupts come last:
//! a driver may have asked for other vectors until then.

use super::check::VfDifference;
use super::error::AllocationError;
use crate::annotation::tuning::Tuning;
use crate::fault::step;
use crate::kernel::netns::Netns;
use crate::ledger::{Before, Holding, Journal, JournalError, State, Thing, User};
use crate::machine::cpu::Cpus;
use crate::machine::{InterruptError, Interrupts, Sysfs};
use crate::tuning::{Mismatch, Tuned, Tuner, TuningError, check_online};
use crate::vf::{Device, device};

/// Reads what an interface is tuned to, before the first change, and finds out what of a tuning its driver supports. Returns
/// the keys of the rest, which is an error if `strict`.
pub(super) fn look(
    sysfs: &Sysfs,
    tuning: &Tuning,
    strict: bool,
    holding: &mut Holding,
) -> Result<Vec<String>, TuningError> {
    let device = holding.before.as_ref();
    let device = device.and_then(|before| before.device.clone());
    let interface = device.as_ref().map_or_else(
        || holding.function.to_string(),
        |device| device.name.clone(),
    );
    let (wanted, mut unsupported) = match &device {
        None => (Tuned::default(), keys(tuning)),
        Some(device) => {
            let reading = Tuner::here(device.index, &device.name)?.read()?;
            if let Some(before) = &mut holding.before {
                before.tuned = Some(reading.record());
            }
            reading.resolve(tuning, &device.name)?
        }
    };
    if let Some(cpus) = &tuning.interrupts {
        check_online(&Interrupts::here(sysfs), cpus)?;
        let vectors = sysfs.interrupts(holding.function);
        if device.is_none() || vectors.map_err(InterruptError::from)?.is_empty() {
            unsupported.push(INTERRUPTS.to_owned());
        } else {
            holding.interrupts = Some(cpus.clone());
        }
    }
    if strict && !unsupported.is_empty() {
        return Err(TuningError::Unsupported {
            what: unsupported,
            interface,
        });
    }
    holding.tuned = Some(wanted).filter(|wanted| !wanted.is_empty());
    Ok(unsupported)
}

/// The key of the interrupts' CPUs.
const INTERRUPTS: &str = "interrupts";

/// All keys of a tuning but the interrupts.
fn keys(tuning: &Tuning) -> Vec<String> {
    let numbers = tuning.numbers().into_iter();
    let numbers = numbers.map(|(number, _)| number.to_string());
    let offloads = tuning.offloads.keys();
    let offloads = offloads.map(|offload| format!("offloads.{offload}"));
    numbers.chain(offloads).collect()
}

/// Tells the interface, which is at home.
pub(super) fn tell(holding: &Holding) -> Result<(), TuningError> {
    let before = holding.before.as_ref();
    let (Some(wanted), Some(device)) = (
        &holding.tuned,
        before.and_then(|before| before.device.as_ref()),
    ) else {
        return Ok(());
    };
    let mut tuner = Tuner::here(device.index, &device.name)?;
    let now = tuner.read()?;
    tuner.tune(&now, wanted, step)
}

/// Reads the tuning of an interface back that has arrived in its container, and moves its interrupts.
pub(super) fn settle(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
    netns: &Netns,
    device: Option<&Device>,
) -> Result<(), AllocationError> {
    let Some(device) = device else { return Ok(()) };
    if let Some(wanted) = &holding.tuned {
        let verified =
            Tuner::of(netns, device.index, &device.name).and_then(|mut tuner| tuner.verify(wanted));
        verified?;
    }
    match &holding.interrupts {
        Some(cpus) => move_interrupts(state, sysfs, holding, cpus),
        None => Ok(()),
    }
}

/// Moves the interrupts, each by its entry in the journal of the host.
fn move_interrupts(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
    cpus: &Cpus,
) -> Result<(), AllocationError> {
    let device = holding.function;
    let found = Interrupts::here(sysfs).read(device);
    let journal = Journal::here(state, sysfs);
    for number in found?.into_keys() {
        let user = User {
            name: holding.owner.clone(),
            netns: holding.netns.clone(),
            value: cpus.to_string(),
        };
        // One that is gone by now has nothing to be moved.
        journal.use_thing(Thing::Interrupt { number, device }, user)?;
    }
    Ok(())
}

/// Leaves the interrupts to whoever else uses them, or where they were. Goes on after errors and returns the first.
pub(super) fn leave_interrupts(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
) -> Result<(), JournalError> {
    if holding.interrupts.is_none() {
        return Ok(());
    }
    let journal = Journal::here(state, sysfs);
    let mut things = journal.things()?;
    things.retain(|thing| thing.device() == holding.function);
    let released = things
        .into_iter()
        .map(|thing| journal.release(thing, &holding.owner));
    released.fold(Ok(()), Result::and)
}

/// Makes the tuning of an interface that is at home what it was.
pub(super) fn restore(before: &Before, device: &Device) -> Result<(), TuningError> {
    let Some(tuned) = &before.tuned else {
        return Ok(());
    };
    let mut tuner = Tuner::here(device.index, &device.name)?;
    let now = tuner.read()?;
    tuner.tune(&now, tuned, step)
}

/// Checks the tuning of a virtual function whose interface is in its container.
pub(super) fn check(sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    if let Some(wanted) = &holding.tuned
        && let Some((netns, device)) = find(holding)?
    {
        let mismatch = Tuner::of(&netns, device.index, &device.name)
            .and_then(|mut tuner| tuner.mismatch(wanted));
        if let Some(mismatch) = mismatch? {
            return Err(VfDifference::Tuning {
                what: format!("the virtual function {}", holding.function),
                mismatch,
            }
            .into());
        }
    }
    let Some(cpus) = &holding.interrupts else {
        return Ok(());
    };
    let found = Interrupts::here(sysfs).read(holding.function);
    let found = found?;
    match found.into_iter().find(|(_, found)| found != cpus) {
        None => Ok(()),
        Some((interrupt, found)) => Err(VfDifference::Tuning {
            what: format!(
                "interrupt {interrupt} of the virtual function {}",
                holding.function
            ),
            mismatch: Mismatch {
                key: INTERRUPTS.to_owned(),
                wanted: cpus.to_string(),
                found: found.to_string(),
            },
        }
        .into()),
    }
}

/// The interface in its container. That it is not there is for others to find.
fn find(holding: &Holding) -> Result<Option<(Netns, Device)>, AllocationError> {
    let function = holding.function;
    let Some(netns) = holding.netns.open() else {
        return Ok(None);
    };
    let found = device::find(&netns, function);
    let found = found.map_err(|source| AllocationError::Look { function, source })?;
    Ok(found.map(|device| (netns, device)))
}
