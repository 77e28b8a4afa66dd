//! Which virtual function an attachment gets, given who holds what. Reads sysfs, changes nothing.

use super::error::AllocationError;
use super::take::Wanted;
use crate::annotation::{FoundPool, UserDriver};
use crate::ledger::{Holding, WireShare};
use crate::machine::{PciAddress, Sysfs, VirtualFunction};
use crate::name::{InterfaceName, NodeName, TopologyName};
use crate::vf::{DriverError, Offer, Taken, WireRequest, vfio_device};

/// The end of a wire by name.
pub(super) type WireEndName = (NodeName, InterfaceName);

/// Where a virtual function comes from.
pub enum Source {
    /// The caller knows.
    Device(PciAddress),
    /// Any of a pool.
    Pool(FoundPool),
    /// One of two that make a wire.
    Wire {
        /// Both ends are of this one.
        pool: FoundPool,
        /// Whose wire it is.
        topology: TopologyName,
        /// This end, and the other.
        ends: [WireEndName; 2],
    },
}

impl Source {
    /// The physical functions that it may come from.
    pub(super) fn physical(&self, sysfs: &Sysfs) -> Result<Vec<PciAddress>, AllocationError> {
        match self {
            Self::Device(address) => Ok(vec![sysfs.virtual_function(*address)?.physical]),
            Self::Pool(pool) | Self::Wire { pool, .. } => {
                Ok(pool.physical.iter().map(|one| one.address).collect())
            }
        }
    }
}

/// The virtual function that a request gets.
pub(super) fn choose(
    sysfs: &Sysfs,
    wanted: &Wanted<'_>,
    holdings: &[Holding],
) -> Result<(VirtualFunction, Option<WireShare>), AllocationError> {
    match &wanted.source {
        Source::Device(address) => {
            let function = sysfs.virtual_function(*address)?;
            let mut taken = list(holdings, None).into_iter();
            match taken.find(|taken| taken.function == *address) {
                Some(taken) => Err(AllocationError::Held {
                    function: *address,
                    holder: taken.holder,
                }),
                None => {
                    // Without a word it is what it is.
                    if wanted.options.driver.is_some() {
                        check_driver(&function, wanted.options.driver)?;
                    }
                    Ok((function, None))
                }
            }
        }
        Source::Pool(pool) => {
            let offer = offer(sysfs, pool, wanted)?;
            let function = offer.single(
                &list(holdings, None),
                wanted.options.index,
                wanted.options.driver,
            )?;
            Ok((function, None))
        }
        Source::Wire {
            pool,
            topology,
            ends,
        } => {
            let (function, wire) = choose_wire(sysfs, wanted, holdings, (pool, topology, ends))?;
            Ok((function, Some(wire)))
        }
    }
}

/// The end of a wire. Whoever came first has chosen for both.
fn choose_wire(
    sysfs: &Sysfs,
    wanted: &Wanted<'_>,
    holdings: &[Holding],
    (pool, topology, [own, peer]): (&FoundPool, &TopologyName, &[WireEndName; 2]),
) -> Result<(VirtualFunction, WireShare), AllocationError> {
    let share = |partner, partner_physical, vlan| WireShare {
        topology: topology.clone(),
        own: own.clone(),
        peer: peer.clone(),
        partner,
        partner_physical,
        vlan,
    };
    let first = holdings.iter().find_map(|holding| {
        let wire = holding.wire.as_ref()?;
        let same = wire.topology == *topology && wire.own == *peer && wire.peer == *own;
        same.then_some((holding, wire))
    });
    if let Some((holding, wire)) = first {
        let function = sysfs.virtual_function(wire.partner)?;
        check_driver(&function, wanted.options.driver)?;
        let share = share(holding.function, holding.physical, wire.vlan);
        return Ok((function, share));
    }
    let request = WireRequest {
        node: own.0.as_str(),
        peer: peer.0.as_str(),
        index: wanted.options.index,
        drivers: [wanted.options.driver, wanted.options.peer_driver],
        vlan: wanted.options.vlan,
    };
    let choice = offer(sysfs, pool, wanted)?.wire(&list(holdings, Some(topology)), &request)?;
    let share = share(choice.peer.address, choice.peer.physical, choice.vlan);
    Ok((choice.own, share))
}

/// Whether a virtual function is driven by whom it is to be: the kernel, as an interface, or a process.
fn check_driver(
    function: &VirtualFunction,
    driver: Option<UserDriver>,
) -> Result<(), AllocationError> {
    let (address, found) = (function.address, function.driver.clone());
    match driver {
        None if function.interface.is_some() => Ok(()),
        None => Err(AllocationError::NoInterface {
            function: address,
            driver: found,
        }),
        Some(UserDriver::Vfio) if vfio_device(function).is_some() => Ok(()),
        Some(driver) => Err(DriverError::NotBound {
            address,
            wanted: driver.as_str().to_owned(),
            found,
        }
        .into()),
    }
}

/// What a pool has, those near to where the container will run first.
fn offer(sysfs: &Sysfs, pool: &FoundPool, wanted: &Wanted<'_>) -> Result<Offer, AllocationError> {
    let functions = pool.physical.iter();
    let functions = functions.map(|physical| sysfs.virtual_functions(physical.address));
    let offer = Offer {
        pool: pool.clone(),
        functions: functions.collect::<Result<_, _>>()?,
    };
    if !offer.spans_nodes() {
        return Ok(offer);
    }
    Ok(offer.near_first(&wanted.runner.nodes(sysfs, &wanted.netns)))
}

/// What is held, and what is kept for the other ends of wires; with the nodes of one topology.
fn list(holdings: &[Holding], topology: Option<&TopologyName>) -> Vec<Taken> {
    let mut taken = Vec::new();
    for holding in holdings {
        let vlan = holding.attributes.vlan.map(|vlan| vlan.id);
        let vlan = vlan.filter(|id| *id > 0);
        let wire = holding.wire.as_ref();
        let node = |name: &NodeName, wire: &WireShare| {
            (Some(&wire.topology) == topology).then(|| name.to_string())
        };
        taken.push(Taken {
            function: holding.function,
            physical: holding.physical,
            vlan,
            holder: holding.holder.clone(),
            node: wire.and_then(|wire| node(&wire.own.0, wire)),
        });
        if let Some(wire) = wire {
            let (name, interface) = &wire.peer;
            taken.push(Taken {
                function: wire.partner,
                physical: wire.partner_physical,
                vlan,
                holder: format!("{name}:{interface}, the other end of {}", holding.holder),
                node: node(name, wire),
            });
        }
    }
    taken
}
