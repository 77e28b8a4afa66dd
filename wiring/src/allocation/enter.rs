//! The interface of a virtual function goes into its container, and is read back there.

use super::error::AllocationError;
use crate::fault::step;
use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::kernel::netns::Netns;
use crate::ledger::Holding;
use crate::vf::{Device, Inside, device};

/// Moves the interface and returns what it is there; `None` for a virtual function that a process drives itself.
pub(super) fn enter(holding: &Holding, netns: &Netns) -> Result<Option<Device>, AllocationError> {
    let before = holding.before.as_ref();
    let (Some(inside), Some(device)) = (
        &holding.inside,
        before.and_then(|before| before.device.as_ref()),
    ) else {
        return Ok(None);
    };
    let failed = |what: &'static str| {
        move |source: NetlinkError| AllocationError::Device {
            what,
            name: device.name.clone(),
            function: holding.function,
            source,
        }
    };
    let mut host = Netlink::route_here().map_err(failed("reach"))?;
    device::mark(&mut host, device, &inside.altname).map_err(failed("mark"))?;
    step();
    device::enter(&mut host, device, netns, inside)
        .map_err(failed("move into the container, and set up there,"))?;
    step();
    settle(holding, inside, netns).map(Some)
}

/// Reads the interface back. A driver that reads its MAC address when the interface comes up has it by now; any other may
/// still need to be told.
fn settle(holding: &Holding, inside: &Inside, netns: &Netns) -> Result<Device, AllocationError> {
    let function = holding.function;
    let look = |source| AllocationError::Look { function, source };
    let missing = || AllocationError::Missing {
        function,
        interface: inside.name.clone(),
    };
    let mut socket = Netlink::route(netns).map_err(look)?;
    let find = |socket: &mut Netlink| {
        let found = device::named(socket, inside.name.as_str(), function);
        found.map_err(look)?.ok_or_else(missing)
    };
    let mut found = find(&mut socket)?;
    if found.mac != inside.mac {
        let told = device::set_mac(&mut socket, found.index, inside.mac);
        step();
        if let Err(error) = told {
            tracing::debug!(%error, %function, "the MAC address was refused");
        }
        found = find(&mut socket)?;
    }
    if found.mac == inside.mac {
        return Ok(found);
    }
    Err(AllocationError::Mac {
        function,
        wanted: inside.mac,
        found: found.mac,
    })
}
