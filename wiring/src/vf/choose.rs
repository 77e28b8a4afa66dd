//! Who gets which virtual function. Pure: what there is and what is taken are given.

use std::collections::BTreeSet;

use super::driver::vfio_device;
use crate::annotation::{FoundPool, UserDriver, VLAN_MAX};
use crate::machine::address::PciAddress;
use crate::machine::sysfs::VirtualFunction;

mod error;

pub use error::ChoiceError;

/// A virtual function, or a VLAN, that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The virtual function.
    pub function: PciAddress,
    /// Its physical function.
    pub physical: PciAddress,
    /// Its VLAN, if it has one.
    pub vlan: Option<u16>,
    /// Who has it, for messages.
    pub holder: String,
    /// The node of the topology asked for that has it, if one has.
    pub node: Option<String>,
}

/// A pool with its virtual functions, physical function by physical function.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The pool.
    pub pool: FoundPool,
    /// The virtual functions of each of its physical functions, by index.
    pub functions: Vec<Vec<VirtualFunction>>,
}

/// A wire to be made of two virtual functions.
#[derive(Clone, Debug)]
pub struct WireRequest<'a> {
    /// This end's node.
    pub node: &'a str,
    /// The other end's.
    pub peer: &'a str,
    /// The index on both sides of a cable, or of this end within one physical function.
    pub index: Option<u32>,
    /// Who drives this end and the other; the kernel unless given.
    pub drivers: [Option<UserDriver>; 2],
    /// The VLAN.
    pub vlan: Option<u16>,
}

/// The virtual functions of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireChoice {
    /// This end's.
    pub own: VirtualFunction,
    /// The other end's.
    pub peer: VirtualFunction,
    /// The VLAN of both.
    pub vlan: u16,
}

impl Offer {
    /// Whether its physical functions are near to different memory nodes, so that it matters which one is used first. The
    /// ends of a cable have their order from it.
    pub fn spans_nodes(&self) -> bool {
        let nodes = self.pool.physical.iter().filter_map(|one| one.numa_node);
        !self.pool.cable && nodes.collect::<BTreeSet<u32>>().len() > 1
    }

    /// The same with those physical functions first that are near to some memory nodes, in the order of the pool
    /// otherwise. Of which that is not known counts as near.
    #[must_use]
    pub fn near_first(self, nodes: &BTreeSet<u32>) -> Self {
        if nodes.is_empty() || !self.spans_nodes() {
            return self;
        }
        let Self {
            mut pool,
            functions,
        } = self;
        let mut all: Vec<_> = pool.physical.into_iter().zip(functions).collect();
        // The sort is stable.
        all.sort_by_key(|(physical, _)| {
            physical
                .numa_node
                .is_some_and(|node| !nodes.contains(&node))
        });
        let functions;
        (pool.physical, functions) = all.into_iter().unzip();
        Self { pool, functions }
    }

    /// A virtual function by itself; the first physical function of the pool that has a free one.
    ///
    /// # Errors
    /// [`ChoiceError`].
    pub fn single(
        &self,
        taken: &[Taken],
        index: Option<u32>,
        driver: Option<UserDriver>,
    ) -> Result<VirtualFunction, ChoiceError> {
        let mut all = self
            .functions
            .iter()
            .flatten()
            .filter(|one| self.offers(one, index));
        let free = all.find(|function| self.obstacle(function, taken, driver).is_none());
        let failure = || self.failure(taken, index, &[driver]);
        free.cloned().ok_or_else(failure)
    }

    /// Two virtual functions for a wire.
    ///
    /// # Errors
    /// [`ChoiceError`].
    pub fn wire(
        &self,
        taken: &[Taken],
        request: &WireRequest<'_>,
    ) -> Result<WireChoice, ChoiceError> {
        if let Some(vlan) = request.vlan
            && let Some(holder) = self.holder_of(vlan, taken)
        {
            return Err(ChoiceError::Vlan {
                pool: self.pool.name.clone(),
                vlan,
                holder: holder.holder.clone(),
            });
        }
        let pairs = if self.pool.cable {
            self.across(taken, request)
        } else {
            self.within(taken, request)
        };
        // Two processes cannot have one IOMMU group.
        let apart = |(own, peer): &(&VirtualFunction, &VirtualFunction)| {
            request.drivers.contains(&None) || own.iommu_group != peer.iommu_group
        };
        let choice = pairs.into_iter().filter(apart).find_map(|(own, peer)| {
            let next = || self.free_vlan(own.index.min(peer.index), taken);
            Some(WireChoice {
                own: own.clone(),
                peer: peer.clone(),
                vlan: request.vlan.or_else(next)?,
            })
        });
        choice.ok_or_else(|| self.failure(taken, request.index, &request.drivers))
    }

    /// Who has a VLAN on the pool's physical functions.
    fn holder_of<'a>(&self, vlan: u16, taken: &'a [Taken]) -> Option<&'a Taken> {
        taken.iter().find(|one| {
            let mut physical = self.pool.physical.iter();
            one.vlan == Some(vlan) && physical.any(|physical| physical.address == one.physical)
        })
    }

    /// The VLAN of a wire by its index; where physical functions have the same indices, the next that no wire has.
    fn free_vlan(&self, index: u32, taken: &[Taken]) -> Option<u16> {
        let first = self.pool.first_vlan.checked_add(index.try_into().ok()?)?;
        let last = if self.pool.cable { first } else { VLAN_MAX };
        (first..=last.min(VLAN_MAX)).find(|vlan| self.holder_of(*vlan, taken).is_none())
    }

    /// Pairs of the same index at both ends of the cable, the end of this node first. A node keeps to one side, so that its
    /// neighbours are at the other: both directions of the cable carry every other hop then. The other way round comes after
    /// that, for ends that are driven differently.
    fn across(
        &self,
        taken: &[Taken],
        request: &WireRequest<'_>,
    ) -> Vec<(&VirtualFunction, &VirtualFunction)> {
        let [one, other] = &self.functions[..] else {
            return Vec::new();
        };
        let side = |node: &str| {
            let mut taken = taken.iter();
            let found = taken.find(|taken| taken.node.as_deref() == Some(node))?;
            let mut sides = self.pool.physical.iter();
            sides.position(|physical| physical.address == found.physical)
        };
        let own = side(request.node).or_else(|| side(request.peer).map(|side| 1 - side));
        let mut ways = [(one, other), (other, one)];
        if own == Some(1) {
            ways.reverse();
        }
        let mut pairs = Vec::new();
        for (own, peer) in ways {
            for function in own.iter().filter(|one| self.offers(one, request.index)) {
                let mut peers = peer.iter();
                let partner = peers.find(|peer| peer.index == function.index);
                pairs.extend(partner.map(|partner| (function, partner)));
            }
        }
        let [own, peer] = request.drivers;
        pairs.retain(|(one, other)| {
            self.obstacle(one, taken, own).is_none() && self.obstacle(other, taken, peer).is_none()
        });
        pairs
    }

    /// The first two free virtual functions of each physical function.
    fn within(
        &self,
        taken: &[Taken],
        request: &WireRequest<'_>,
    ) -> Vec<(&VirtualFunction, &VirtualFunction)> {
        let mut pairs = Vec::new();
        for functions in &self.functions {
            let [own, peer] = request.drivers;
            let free = |one: &VirtualFunction, driver| self.obstacle(one, taken, driver).is_none();
            let mut all = functions.iter().filter(|one| self.offers(one, None));
            let own = all
                .clone()
                .find(|one| free(one, own) && self.offers(one, request.index));
            let Some(own) = own else { continue };
            let peer = all.find(|one| free(one, peer) && one.address != own.address);
            pairs.extend(peer.map(|peer| (own, peer)));
        }
        pairs
    }

    /// Whether a virtual function belongs to the pool and is the one asked for.
    fn offers(&self, function: &VirtualFunction, index: Option<u32>) -> bool {
        let within = |range: &std::ops::RangeInclusive<u32>| range.contains(&function.index);
        self.pool.indices.as_ref().is_none_or(within)
            && index.is_none_or(|index| index == function.index)
    }

    fn failure(
        &self,
        taken: &[Taken],
        index: Option<u32>,
        drivers: &[Option<UserDriver>],
    ) -> ChoiceError {
        let pool = self.pool.name.clone();
        let offered = self.functions.iter().flatten();
        let offered: Vec<_> = offered.filter(|one| self.offers(one, index)).collect();
        let holders = offered
            .iter()
            .filter_map(|function| {
                // What would do as one end of a wire may be in the way as the other.
                let mut drivers = drivers.iter();
                let obstacle = drivers.find_map(|one| self.obstacle(function, taken, *one))?;
                Some(format!("{} {obstacle}", function.address))
            })
            .collect();
        let mut drivers: Vec<_> = drivers.iter().copied().flatten().collect();
        drivers.dedup();
        match index {
            Some(index) if offered.is_empty() => ChoiceError::NoIndex { pool, index },
            Some(index) => ChoiceError::Index {
                pool,
                index,
                holders,
                drivers,
            },
            None => ChoiceError::Exhausted {
                pool,
                holders,
                drivers,
            },
        }
    }

    /// What keeps a virtual function from being given to somebody.
    fn obstacle(
        &self,
        function: &VirtualFunction,
        taken: &[Taken],
        driver: Option<UserDriver>,
    ) -> Option<String> {
        let holder = taken.iter().find(|one| one.function == function.address);
        if let Some(holder) = holder {
            return Some(format!("is held by {}", holder.holder));
        }
        match driver {
            None if function.interface.is_some() => None,
            Some(UserDriver::Vfio) if vfio_device(function).is_some() => {
                self.partner(function, taken)
            }
            _ => Some(match (&function.driver, driver) {
                (Some(bound), None) => format!("has no interface on the host (driver {bound})"),
                (Some(bound), Some(wanted)) if bound == wanted.as_str() => {
                    format!("is bound to {bound}, and no IOMMU is in use for it")
                }
                (Some(bound), Some(_)) => format!("is bound to {bound}"),
                (None, _) => "has no driver".to_owned(),
            }),
        }
    }

    /// Whoever opens an IOMMU group has all devices of it: one of which somebody has a part is nobody else's.
    fn partner(&self, function: &VirtualFunction, taken: &[Taken]) -> Option<String> {
        let mut all = self.functions.iter().flatten();
        all.find_map(|other| {
            let shared = other.iommu_group == function.iommu_group;
            let mut taken = taken.iter();
            let holder = taken.find(|one| shared && one.function == other.address)?;
            Some(format!(
                "is in one IOMMU group with {}, held by {}",
                other.address, holder.holder
            ))
        })
    }
}
