//! A virtual function is chosen, written down, and configured through its physical function, all under the locks of the
//! physical functions that it may come from.

use super::choice::{Source, choose};
use super::error::AllocationError;
use super::near::Runner;
use super::{reset, restore, tune};
use crate::annotation::rule::default;
use crate::annotation::tuning::Tuning;
use crate::annotation::{Attributes, VFIO, VfOptions, Vlan};
use crate::error::chain;
use crate::fault::step;
use crate::kernel::netlink::Netlink;
use crate::ledger::gone::Inhabited;
use crate::ledger::{AttachmentName, Before, Holding, NetnsRecord, Reset, State, WireShare};
use crate::machine::{PciAddress, Sysfs, VirtualFunction};
use crate::name::{InterfaceName, MacAddress};
use crate::vf::{Device, Inside, Physical, device};

/// A virtual function to be attached.
pub struct Wanted<'a> {
    /// The attachment.
    pub owner: &'a AttachmentName,
    /// The attachment for people.
    pub holder: String,
    /// The container's namespace.
    pub netns: NetnsRecord,
    /// The interface in the container.
    pub interface: InterfaceName,
    /// Its mark of ownership.
    pub altname: String,
    /// Its MAC address; the virtual function's own unless given.
    pub mac: Option<MacAddress>,
    /// Its MTU, bytes; the virtual function's own unless given.
    pub mtu: Option<u32>,
    /// Where it comes from.
    pub source: Source,
    /// Whose CPUs the container will run on.
    pub runner: Runner,
    /// What it is told.
    pub options: VfOptions,
    /// Its attributes, checked.
    pub attributes: Attributes,
    /// What its interface is tuned to.
    pub tuning: Tuning,
    /// Whether an attribute or a tuning that its driver does not support is an error.
    pub strict: bool,
}

/// Chooses a virtual function and makes it what is wanted, short of moving its interface. From the moment that it is
/// written down, [`restore::give_back`] undoes all.
pub(super) fn take(
    state: &State,
    sysfs: &Sysfs,
    wanted: &Wanted<'_>,
) -> Result<Holding, AllocationError> {
    let physical = wanted.source.physical(sysfs)?;
    let locks = state.lock_physical(physical.clone())?;
    step();
    let taken = taken(state, sysfs, wanted, &physical)?;
    let (function, wire) = choose(sysfs, wanted, &taken)?;
    let mut holding = holding(wanted, &function, wire);
    state.hold(&holding)?;
    step();
    let mut physical = Physical::open(&sysfs.physical_function(function.physical)?)?;
    look(sysfs, &mut physical, &function, wanted, &mut holding)?;
    state.hold(&holding)?;
    step();
    choose_mac(state, &mut holding)?;
    let found = holding.before.as_ref().map(|before| before.found.clone());
    let unsupported = physical.configure(
        &function,
        &holding.attributes,
        &found.unwrap_or_default(),
        wanted.strict,
    )?;
    step();
    for attribute in &unsupported {
        tracing::warn!(function = %function.address, %attribute, driver = function.driver, "not supported by the driver");
    }
    if !unsupported.is_empty() {
        forget(&mut holding.attributes, &unsupported);
        state.hold(&holding)?;
    }
    tune::tell(&holding)?;
    state.unlock_physical(locks)?;
    Ok(holding)
}

/// What is taken of the physical functions, after what nobody has any more was given back.
fn taken(
    state: &State,
    sysfs: &Sysfs,
    wanted: &Wanted<'_>,
    physical: &[PciAddress],
) -> Result<Vec<Holding>, AllocationError> {
    let mut taken = Vec::new();
    let inhabited = Inhabited::default();
    for holding in state.holdings()? {
        let again = holding.owner == *wanted.owner
            && holding
                .inside
                .as_ref()
                .is_none_or(|inside| inside.name == wanted.interface);
        let ours = physical.contains(&holding.physical);
        if ours && (again || inhabited.lacks(&holding.netns)?) {
            tracing::info!(function = %holding.function, holder = holding.holder, "giving back");
            match restore::restore(state, sysfs, &holding) {
                Ok(()) => continue,
                // It stays taken: others may be free.
                Err(error) => tracing::warn!(error = chain(&error), "giving back"),
            }
        }
        taken.push(holding);
    }
    Ok(taken)
}

fn holding(wanted: &Wanted<'_>, function: &VirtualFunction, wire: Option<WireShare>) -> Holding {
    let mut attributes = wanted.attributes.clone();
    attributes.mac = wanted.mac;
    if let Some(wire) = &wire {
        attributes.vlan = Some(wanted.options.tag(wire.vlan));
        default::complete_wire(&mut attributes);
    }
    // Where no VLAN is asked for, none is touched; a priority alone has no meaning.
    let untagged = |vlan: &Vlan| vlan.id == 0;
    if attributes.vlan.as_ref().is_some_and(untagged) {
        attributes.vlan = Some(Vlan::default());
    }
    Holding {
        function: function.address,
        physical: function.physical,
        index: function.index,
        owner: wanted.owner.clone(),
        holder: wanted.holder.clone(),
        netns: wanted.netns.clone(),
        inside: None,
        attributes,
        tuned: None,
        interrupts: None,
        reset: Reset::No,
        wire,
        before: None,
    }
}

/// Reads what the virtual function is, before the first change.
fn look(
    sysfs: &Sysfs,
    physical: &mut Physical,
    function: &VirtualFunction,
    wanted: &Wanted<'_>,
    holding: &mut Holding,
) -> Result<(), AllocationError> {
    let found = physical.read(function.index)?;
    let device = host_device(function)?;
    if device.is_none() && function.driver.as_deref() != Some(VFIO) {
        return Err(AllocationError::NoInterface {
            function: function.address,
            driver: function.driver.clone(),
        });
    }
    holding.inside = device.as_ref().map(|device| Inside {
        name: wanted.interface.clone(),
        mac: wanted.mac.unwrap_or(device.mac),
        mtu: wanted.mtu,
        altname: wanted.altname.clone(),
        promiscuous: wanted.options.promiscuous.unwrap_or(device.promiscuous),
        allmulticast: wanted.options.allmulticast.unwrap_or(device.allmulticast),
    });
    holding.before = Some(Before {
        device,
        found,
        driver: function.driver.clone(),
        free_mac: None,
        reset_methods: None,
        tuned: None,
    });
    if !wanted.tuning.is_empty() {
        look_at_tuning(sysfs, function, wanted, holding)?;
    }
    if wanted.options.reset == Some(true) {
        reset::look(sysfs, wanted.strict, holding)?;
    }
    Ok(())
}

/// Reads what its interface is tuned to, and says what of the tuning its driver does not support.
fn look_at_tuning(
    sysfs: &Sysfs,
    function: &VirtualFunction,
    wanted: &Wanted<'_>,
    holding: &mut Holding,
) -> Result<(), AllocationError> {
    for key in tune::look(sysfs, &wanted.tuning, wanted.strict, holding)? {
        tracing::warn!(function = %function.address, key = format!("tuning.{key}"), driver = function.driver, "not supported by the driver");
    }
    Ok(())
}

/// The interface of a virtual function that is at home.
pub(super) fn host_device(function: &VirtualFunction) -> Result<Option<Device>, AllocationError> {
    let Some(interface) = &function.interface else {
        return Ok(None);
    };
    let socket = Netlink::route_here();
    let found =
        socket.and_then(|mut socket| device::get(&mut socket, interface.index, function.address));
    found.map_err(|source| AllocationError::Look {
        function: function.address,
        source,
    })
}

/// Has the virtual function take its MAC address by itself, before its physical function binds it to that: igbvf reads what
/// it was bound to only when its interface comes up, and cannot be told meanwhile. Whether it could says how to restore.
fn choose_mac(state: &State, holding: &mut Holding) -> Result<(), AllocationError> {
    let (Some(mac), Some(before)) = (holding.attributes.mac, &mut holding.before) else {
        return Ok(());
    };
    let Some(device) = &before.device else {
        return Ok(());
    };
    let told = Netlink::route_here()
        .and_then(|mut socket| device::set_mac(&mut socket, device.index, mac));
    step();
    // The same address is not passed on to the driver, and so proves nothing.
    before.free_mac = Some(device.mac != mac && told.is_ok());
    state.hold(holding)?;
    step();
    Ok(())
}

/// Removes attributes that the driver does not know: CHECK must not look for them.
fn forget(attributes: &mut Attributes, unsupported: &[crate::annotation::Attribute]) {
    use crate::annotation::Attribute;
    for attribute in unsupported {
        match attribute {
            Attribute::Mac(_) => attributes.mac = None,
            Attribute::Vlan(_) => attributes.vlan = None,
            Attribute::Rate(_) => attributes.rate = None,
            Attribute::SpoofCheck(_) => attributes.spoof_check = None,
            Attribute::LinkState(_) => attributes.link_state = None,
            Attribute::Trust(_) => attributes.trust = None,
        }
    }
}
