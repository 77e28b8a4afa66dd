//! A virtual function is given back: its interface comes home, and all is again as it was written down.
//!
//! Every step can be repeated, and starts from what is found: the container may have renamed the interface, its namespace
//! may have died, and a call may have been killed at any moment.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::error::AllocationError;
use super::search::search;
use super::take::host_device;
use super::{reset, tune};
use crate::annotation::Attribute;
use crate::fault::step;
use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::kernel::netns::Netns;
use crate::ledger::{AttachmentName, Before, Holding, Reset, State};
use crate::machine::{PciAddress, Sysfs, SysfsError, VirtualFunction};
use crate::name::MacAddress;
use crate::vf::{Device, Physical, PhysicalError, device};

/// How long a namespace that is dying may take until its interfaces are home (`cleanup_net` waits for RCU).
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Gives back all that an attachment holds. Goes on after errors and returns them all; what could not be given back stays
/// written down.
pub fn give_back(state: &State, owner: &AttachmentName) -> Vec<AllocationError> {
    let holdings = match state.holdings_of(owner) {
        Ok(holdings) => holdings,
        Err(error) => return vec![error.into()],
    };
    let sysfs = Sysfs::default();
    let results = holdings
        .iter()
        .map(|holding| give_one_back(state, &sysfs, holding));
    let mut errors: Vec<AllocationError> = results.filter_map(Result::err).collect();
    errors.extend(state.tidy_physical().err().map(AllocationError::from));
    errors
}

fn give_one_back(state: &State, sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    let locks = state.lock_physical(vec![holding.physical])?;
    step();
    // Another call may have given it back, and a third taken it, before the lock was ours.
    let current = state.holding(holding.function)?;
    if let Some(current) = current.filter(|current| current.owner == holding.owner) {
        restore(state, sysfs, &current)?;
        step();
    }
    state.unlock_physical(locks)?;
    Ok(())
}

/// Makes a virtual function what it was, and forgets that it was held. Under the lock of its physical function.
pub(super) fn restore(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
) -> Result<(), AllocationError> {
    let undone = undo_if_there(state, sysfs, holding);
    // Its driver, bound anew, asked for other vectors: those of before are somebody else's.
    let left = tune::leave_interrupts(state, sysfs, holding);
    undone.and(left.map_err(AllocationError::from))?;
    step();
    Ok(state.release(holding)?)
}

/// Undoes what was done to a virtual function, if there is any such any more.
fn undo_if_there(state: &State, sysfs: &Sysfs, holding: &Holding) -> Result<(), AllocationError> {
    let Some(before) = &holding.before else {
        return Ok(());
    };
    match sysfs.virtual_function(holding.function) {
        // Virtual functions were disabled: there is nothing left to restore.
        Err(SysfsError::NoDevice(_) | SysfsError::NotVirtual(_)) => Ok(()),
        function => {
            let function = function?;
            undo(state, sysfs, holding, before, &function)
        }
    }
}

/// Where the interface of a virtual function was found.
enum Place {
    Home(Device),
    /// In a namespace, without our mark: somebody else has it by now.
    Foreign,
    /// In no namespace that can be seen.
    Nowhere,
    /// It has none: a process drives it, or drove it.
    None,
}

fn undo(
    state: &State,
    sysfs: &Sysfs,
    holding: &Holding,
    before: &Before,
    function: &VirtualFunction,
) -> Result<(), AllocationError> {
    let unbound = holding.reset == Reset::Begun
        && (function.driver.is_none() || function.driver == before.driver);
    let device = match &before.device {
        // It was at home before its driver was unbound.
        Some(_) if unbound => Place::Nowhere,
        Some(original) => bring_home(sysfs, holding, original, function)?,
        None => Place::None,
    };
    step();
    if matches!(device, Place::Foreign) {
        tracing::warn!(function = %holding.function, "somebody else has it: it stays as it is");
        return Ok(());
    }
    let freed = attributes(sysfs, holding, before, function)?;
    step();
    let device = match device {
        Place::None => Place::None,
        _ if holding.reset != Reset::No => {
            Place::Home(reset::reset(state, sysfs, holding, before)?)
        }
        // Not before: its driver would give the new interface the container's MAC address.
        Place::Nowhere => rebind(sysfs, holding.function, before)?,
        found => found,
    };
    if let (Place::Home(device), Some(original)) = (device, &before.device) {
        address(&device, original, function, freed)?;
        // Its driver need not stop for this while the interface is down, which it may not be when all is restored.
        let tuned = tune::restore(before, &device);
        interface(&device, original, function)?;
        tuned?;
    }
    Ok(())
}

/// Finds the interface and brings it home.
fn bring_home(
    sysfs: &Sysfs,
    holding: &Holding,
    original: &Device,
    function: &VirtualFunction,
) -> Result<Place, AllocationError> {
    let address = holding.function;
    let look = |source| AllocationError::Look {
        function: address,
        source,
    };
    let netns = holding.netns.open();
    if let Some(netns) = &netns
        && let Some(device) = device::find(netns, address).map_err(look)?
    {
        return home(sysfs, holding, netns, &device, original);
    }
    if let Some(device) = host_device(function)? {
        return Ok(Place::Home(device));
    }
    let driver = holding.before.as_ref();
    let driver = driver.and_then(|before| before.driver.as_ref());
    match &function.driver {
        // A call was killed while it bound the driver anew.
        None if driver.is_some() => return Ok(Place::Nowhere),
        // Somebody gave it another driver, with which it has no interface.
        found if found.as_ref() != driver => return Ok(Place::None),
        _ => {}
    }
    let deadline = Instant::now() + PATIENCE;
    while netns.is_none() && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
        let function = sysfs.virtual_function(address)?;
        if let Some(device) = host_device(&function)? {
            return Ok(Place::Home(device));
        }
    }
    if let Some((netns, device)) = search(address) {
        let ours = holding.inside.as_ref();
        let ours = ours.is_some_and(|inside| device.altnames.contains(&inside.altname));
        if ours {
            return home(sysfs, holding, &netns, &device, original);
        }
        return Ok(Place::Foreign);
    }
    Ok(Place::Nowhere)
}

/// Binds the driver of a virtual function anew, whose interface is in no namespace that can be seen.
fn rebind(sysfs: &Sysfs, address: PciAddress, before: &Before) -> Result<Place, AllocationError> {
    tracing::warn!(function = %address, "in no namespace that can be seen: its driver is bound anew");
    let driver = before.driver.as_deref().unwrap_or_default();
    let function = sysfs.rebind(address, driver, step)?;
    step();
    match host_device(&function)? {
        Some(device) => Ok(Place::Home(device)),
        None => Err(AllocationError::Lost { function: address }),
    }
}

/// Moves the interface from a namespace.
fn home(
    sysfs: &Sysfs,
    holding: &Holding,
    netns: &Netns,
    device: &Device,
    original: &Device,
) -> Result<Place, AllocationError> {
    let host = Netns::current()?;
    let left = Netlink::route(netns).and_then(|mut socket| {
        device::leave(&mut socket, device, host.as_raw_fd(), &original.name)
    });
    left.map_err(|source| AllocationError::Device {
        what: "move home",
        name: device.name.clone(),
        function: holding.function,
        source,
    })?;
    step();
    let function = sysfs.virtual_function(holding.function)?;
    match host_device(&function)? {
        Some(device) => Ok(Place::Home(device)),
        None => Err(AllocationError::Lost {
            function: holding.function,
        }),
    }
}

/// Restores what the physical function says of it, by one request if the driver has no objection. Whether it has to say
/// its MAC address anew.
fn attributes(
    sysfs: &Sysfs,
    holding: &Holding,
    before: &Before,
    function: &VirtualFunction,
) -> Result<bool, AllocationError> {
    let mut physical = Physical::open(&sysfs.physical_function(function.physical)?)?;
    let (_, functions) = physical.ask()?;
    let now = functions
        .into_iter()
        .find(|(index, _)| *index == function.index);
    let Some((_, now)) = now else {
        return Ok(false);
    };
    let mut changes = before.found.restoring(&now);
    if holding.attributes.mac.is_some() && (before.device.is_none() || before.free_mac.is_some()) {
        // What chose its own address is free to do so again, unless it has done so already; what was bound to one is
        // bound to that again.
        let free = before.free_mac == Some(true);
        if !free || now.mac != before.found.mac {
            changes.insert(0, Attribute::Mac(before.found.mac.filter(|_| !free)));
        }
    }
    match physical.tell(function, &changes, false) {
        // Cards that cannot unbind an address: the next owner is bound to another one anyhow.
        Err(PhysicalError::Refused {
            attribute: Attribute::Mac(None),
            ..
        }) => physical.tell(function, &changes[1..], false).map(drop),
        told => told.map(drop),
    }?;
    Ok(changes.contains(&Attribute::Mac(None)) && before.found.mac.is_some())
}

/// Restores the MAC address of the interface, which is at home.
fn address(
    device: &Device,
    original: &Device,
    function: &VirtualFunction,
    freed: bool,
) -> Result<(), AllocationError> {
    let mut socket = Netlink::route_here().map_err(failed("reach", device, function))?;
    if device.mac != original.mac {
        give_mac(&mut socket, device, original.mac, function)?;
        step();
    } else if freed {
        // The same address is not passed on to the driver, but is said again when the interface comes up.
        device::cycle(&mut socket, device.index).map_err(failed("reset", device, function))?;
        step();
    }
    Ok(())
}

/// Restores the name and all else of the interface, which is at home.
fn interface(
    device: &Device,
    original: &Device,
    function: &VirtualFunction,
) -> Result<(), AllocationError> {
    let mut socket = Netlink::route_here().map_err(failed("reach", device, function))?;
    let named = device::restore(&mut socket, device, original);
    if !named.map_err(failed("restore", device, function))? {
        tracing::warn!(function = %function.address, name = original.name, "another interface has the name now");
    }
    Ok(())
}

fn failed(
    what: &'static str,
    device: &Device,
    function: &VirtualFunction,
) -> impl FnOnce(NetlinkError) -> AllocationError {
    let (name, function) = (device.name.clone(), function.address);
    move |source| AllocationError::Device {
        what,
        name,
        function,
        source,
    }
}

/// Gives the interface its first MAC address back. igbvf that was bound to it reads it when the interface comes up.
fn give_mac(
    socket: &mut Netlink,
    device: &Device,
    mac: MacAddress,
    function: &VirtualFunction,
) -> Result<(), AllocationError> {
    if device::set_mac(socket, device.index, mac).is_ok() {
        return Ok(());
    }
    let look = |source| AllocationError::Look {
        function: function.address,
        source,
    };
    device::cycle(socket, device.index).map_err(look)?;
    let found = device::get(socket, device.index, function.address).map_err(look)?;
    match found {
        Some(found) if found.mac != mac => Err(AllocationError::Mac {
            function: function.address,
            wanted: mac,
            found: found.mac,
        }),
        _ => Ok(()),
    }
}
