//! The virtual functions of a topology, by the state that all who attach any share.

use std::collections::HashMap;
use std::path::PathBuf;

use pinwire_wiring::ledger::State;
use pinwire_wiring::machine::cpu::Cpus;
use pinwire_wiring::machine::{PciAddress, Sysfs};
use pinwire_wiring::name::{InterfaceName, MacAddress, NodeName};
use pinwire_wiring::tuning::Tuned;
use pinwire_wiring::vf::vfio_device;
use serde::Serialize;

use crate::engine::ObserveError;
use crate::paths::TopologyPaths;
use crate::plan::Deployment;

/// A virtual function as a topology has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VfView {
    /// Its PCI address.
    pub address: PciAddress,
    /// Its number on its physical function.
    pub index: u32,
    /// Its physical function.
    pub physical: PciAddress,
    /// The interface of that, unless it is in another namespace.
    pub physical_interface: Option<String>,
    /// The pool that it is from.
    pub pool: String,
    /// Its VLAN; `null` for none.
    pub vlan: Option<u16>,
    /// Its driver.
    pub driver: Option<String>,
    /// The device by which a process drives it; `null` where it is an interface.
    pub device: Option<PathBuf>,
    /// The MAC address that it was given.
    #[serde(skip)]
    pub mac: Option<MacAddress>,
    /// What its interface was tuned to; `null` for nothing.
    pub tuned: Option<Tuned>,
    /// The CPUs that its interrupts were moved to; `null` for none.
    pub interrupts: Option<Cpus>,
}

/// The virtual functions of a deployment by node and interface; those that are attached.
pub(super) fn views(
    deployment: &Deployment,
    paths: &TopologyPaths,
) -> Result<HashMap<(NodeName, InterfaceName), VfView>, ObserveError> {
    let mut views = HashMap::new();
    if deployment.functions.is_empty() {
        return Ok(views);
    }
    let sysfs = Sysfs::default();
    let holdings = State::at(&paths.plugin).holdings();
    let holdings = holdings.map_err(ObserveError::Vfs)?;
    for end in &deployment.functions {
        let name = end.name();
        let Some(holding) = holdings.iter().find(|holding| holding.owner == name) else {
            continue;
        };
        let physical = sysfs.physical_function(holding.physical).ok();
        let vf = sysfs.virtual_function(holding.function).ok();
        let vlan = holding.attributes.vlan.map(|vlan| vlan.id);
        let view = VfView {
            address: holding.function,
            index: holding.index,
            physical: holding.physical,
            physical_interface: physical.and_then(|physical| Some(physical.interface?.name)),
            pool: end.pool.clone(),
            vlan: vlan.filter(|id| *id > 0),
            device: vf.as_ref().and_then(vfio_device),
            driver: vf.and_then(|vf| vf.driver),
            mac: holding.attributes.mac,
            tuned: holding.tuned.clone(),
            interrupts: holding.interrupts.clone(),
        };
        views.insert((end.node.clone(), end.interface.clone()), view);
    }
    Ok(views)
}
