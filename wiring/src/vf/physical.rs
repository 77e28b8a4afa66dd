//! Tells virtual functions their attributes, through the interface of their physical function, and reads them back.
//!
//! One request has all attributes of a virtual function. The kernel carries them out one after the other and stops at the
//! first that the driver refuses (`do_setvfinfo`, net/core/rtnetlink.c), without saying which: only then each is asked
//! for alone.

use nix::errno::Errno;

use super::message::PfMessage;
use crate::annotation::{Attribute, Attributes, Found};
use crate::kernel::ethtool::Ethtool;
use crate::kernel::netlink::{Netlink, NetlinkError};
use crate::machine::address::PciAddress;
use crate::machine::sysfs::{PhysicalFunction, VirtualFunction};

/// Room for the answer about one interface: the list of its virtual functions takes at most 64 KiB (`struct nlattr`), and
/// all the rest a few.
const ROOM: usize = 128 << 10;

/// What went wrong with a physical function.
#[derive(Debug, thiserror::Error)]
pub enum PhysicalError {
    /// It has no interface to reach it by.
    #[error(
        "the physical function {0} has no interface in the host's network namespace: its driver is not bound, or it was moved"
    )]
    NoInterface(PciAddress),
    /// Its interface is down.
    #[error("the physical function {address} is down: run `ip link set {name} up`")]
    Down {
        /// Its address.
        address: PciAddress,
        /// Its interface.
        name: String,
    },
    /// No socket.
    #[error("cannot open a netlink socket for the physical function {address}")]
    Socket {
        /// Its address.
        address: PciAddress,
        /// Why.
        source: NetlinkError,
    },
    /// The virtual functions could not be read.
    #[error("cannot read the virtual functions of {name} ({address}, RTM_GETLINK)")]
    Read {
        /// Its address.
        address: PciAddress,
        /// Its interface.
        name: String,
        /// Why.
        source: NetlinkError,
    },
    /// Its offloads could not be read.
    #[error("cannot read the offloads of {name} ({address}, ETHTOOL_MSG_FEATURES_GET)")]
    Features {
        /// Its address.
        address: PciAddress,
        /// Its interface.
        name: String,
        /// Why.
        source: NetlinkError,
    },
    /// The kernel does not know the virtual function.
    #[error("{name} ({address}) does not report a virtual function {index}")]
    Unknown {
        /// Its address.
        address: PciAddress,
        /// Its interface.
        name: String,
        /// The virtual function.
        index: u32,
    },
    /// An attribute was refused.
    #[error(
        "cannot set {attribute} of virtual function {index} of {name} ({function}, RTM_SETLINK)"
    )]
    Refused {
        /// The attribute.
        attribute: Attribute,
        /// Index of the virtual function.
        index: u32,
        /// Its address.
        function: PciAddress,
        /// Interface of the physical function.
        name: String,
        /// Why.
        source: NetlinkError,
    },
    /// An attribute was taken but does not stand.
    #[error(
        "virtual function {index} of {name} ({function}) has {found} instead of {wanted}, which its driver took"
    )]
    NotKept {
        /// The attribute.
        wanted: Attribute,
        /// What was read back.
        found: Attribute,
        /// Index of the virtual function.
        index: u32,
        /// Its address.
        function: PciAddress,
        /// Interface of the physical function.
        name: String,
    },
}

/// Whether a physical function drops frames of VLANs that none of its functions is in (`rx-vlan-filter`).
///
/// # Errors
/// [`PhysicalError::NoInterface`] and [`PhysicalError::Features`].
pub fn filters_vlans(function: &PhysicalFunction) -> Result<bool, PhysicalError> {
    let address = function.address;
    let interface = function.interface.as_ref();
    let interface = interface.ok_or(PhysicalError::NoInterface(address))?;
    let features = Ethtool::here().and_then(|mut socket| socket.features(interface.index));
    let features = features.map_err(|source| PhysicalError::Features {
        address,
        name: interface.name.clone(),
        source,
    })?;
    let filter = features.get("rx-vlan-filter");
    Ok(filter.is_some_and(|feature| feature.active))
}

/// The interface of a physical function.
pub struct Physical {
    address: PciAddress,
    name: String,
    interface: u32,
    socket: Netlink,
}

impl Physical {
    /// Opens a physical function. The calling thread must be in the namespace that its interface is in, the host's.
    pub(crate) fn open(function: &PhysicalFunction) -> Result<Self, PhysicalError> {
        let address = function.address;
        let interface = function.interface.as_ref();
        let interface = interface.ok_or(PhysicalError::NoInterface(address))?;
        let socket = Netlink::route_here();
        let mut socket = socket.map_err(|source| PhysicalError::Socket { address, source })?;
        socket.make_room(ROOM);
        Ok(Self {
            address,
            name: interface.name.clone(),
            interface: interface.index,
            socket,
        })
    }

    /// All virtual functions, by index, and whether the physical function is up.
    pub(crate) fn ask(&mut self) -> Result<(bool, Vec<(u32, Found)>), PhysicalError> {
        let answer = self.socket.get(PfMessage::Get(self.interface));
        tracing::debug!(interface = self.name, "RTM_GETLINK of a physical function");
        let answer = answer.map_err(|source| PhysicalError::Read {
            address: self.address,
            name: self.name.clone(),
            source,
        })?;
        match answer {
            Some(PfMessage::Answer { up, functions }) => Ok((up, functions)),
            _ => Ok((false, Vec::new())),
        }
    }

    /// What one virtual function has, of a physical function that must be up.
    pub(crate) fn read(&mut self, index: u32) -> Result<Found, PhysicalError> {
        let (up, functions) = self.ask()?;
        if !up {
            return Err(PhysicalError::Down {
                address: self.address,
                name: self.name.clone(),
            });
        }
        let found = functions.into_iter().find(|(found, _)| *found == index);
        let (_, found) = found.ok_or_else(|| PhysicalError::Unknown {
            address: self.address,
            name: self.name.clone(),
            index,
        })?;
        Ok(found)
    }

    /// Gives a virtual function its attributes and reads them back. Returns what its driver does not support, which is an
    /// error if `strict`.
    pub(crate) fn configure(
        &mut self,
        function: &VirtualFunction,
        wanted: &Attributes,
        found: &Found,
        strict: bool,
    ) -> Result<Vec<Attribute>, PhysicalError> {
        let mut changes = wanted.changes(found);
        let unsupported = self.tell(function, &changes, strict)?;
        changes.retain(|attribute| !unsupported.contains(attribute));
        if changes.is_empty() {
            return Ok(unsupported);
        }
        let now = self.read(function.index)?;
        let not_kept = wanted.list().into_iter().find_map(|attribute| {
            let found = now.value_of(attribute).filter(|found| *found != attribute);
            let found = found.filter(|_| !unsupported.contains(&attribute))?;
            Some((attribute, found))
        });
        match not_kept {
            None => Ok(unsupported),
            Some((wanted, found)) => Err(PhysicalError::NotKept {
                wanted,
                found,
                index: function.index,
                function: function.address,
                name: self.name.clone(),
            }),
        }
    }

    /// Tells a virtual function some attributes at once or, if that is refused, one by one. Returns those that its driver
    /// does not support, unless `strict`.
    pub(crate) fn tell(
        &mut self,
        function: &VirtualFunction,
        attributes: &[Attribute],
        strict: bool,
    ) -> Result<Vec<Attribute>, PhysicalError> {
        if attributes.is_empty() || self.set(function, attributes.to_vec()).is_ok() {
            return Ok(Vec::new());
        }
        let mut unsupported = Vec::new();
        for attribute in attributes {
            match self.set(function, vec![*attribute]) {
                Ok(()) => {}
                Err(error) if !strict && error.errno() == Some(Errno::EOPNOTSUPP) => {
                    unsupported.push(*attribute);
                }
                Err(source) => {
                    return Err(PhysicalError::Refused {
                        attribute: *attribute,
                        index: function.index,
                        function: function.address,
                        name: self.name.clone(),
                        source,
                    });
                }
            }
        }
        Ok(unsupported)
    }

    fn set(
        &mut self,
        function: &VirtualFunction,
        attributes: Vec<Attribute>,
    ) -> Result<(), NetlinkError> {
        tracing::debug!(
            interface = self.name,
            index = function.index,
            ?attributes,
            "RTM_SETLINK of a virtual function"
        );
        let message = PfMessage::Set {
            interface: self.interface,
            index: function.index,
            attributes,
        };
        self.socket.request(message, 0)
    }
}
