//! The virtual functions of a topology's node that its containers drive themselves, for whoever makes those. Reads only.

use std::path::PathBuf;

use super::end::network;
use super::error::AllocationError;
use crate::annotation::VFIO;
use crate::ledger::Identifier;
use crate::ledger::State;
use crate::machine::{PciAddress, Sysfs};
use crate::name::{InterfaceName, NodeName, TopologyName};
use crate::vf::{DriverError, vfio_device};

/// A virtual function that a container drives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VfDevice {
    /// The link that it is the end of, which has no interface of that name.
    pub interface: InterfaceName,
    /// Its PCI address.
    pub function: PciAddress,
    /// The device by which a process opens its IOMMU group.
    pub path: PathBuf,
}

/// The virtual functions that a node's containers are given.
///
/// # Errors
/// [`AllocationError`], if state or sysfs cannot be read, or one has another driver by now.
pub fn devices(
    state: &State,
    topology: &TopologyName,
    node: &NodeName,
) -> Result<Vec<VfDevice>, AllocationError> {
    let (network, node) = (network(topology), Identifier::from(node));
    let sysfs = Sysfs::default();
    let mut devices = Vec::new();
    for holding in state.holdings()? {
        let owner = &holding.owner;
        if owner.network != network || owner.container != node || holding.inside.is_some() {
            continue;
        }
        let function = sysfs.virtual_function(holding.function);
        let function = function?;
        let path = vfio_device(&function).ok_or(DriverError::NotBound {
            address: holding.function,
            wanted: VFIO.to_owned(),
            found: function.driver,
        });
        devices.push(VfDevice {
            interface: owner.interface.clone(),
            function: holding.function,
            path: path?,
        });
    }
    Ok(devices)
}
