//! SR-IOV virtual functions: what there is, what each is told through its physical function, and its interface on the way
//! into a container and back.
//!
//! A virtual function is known by its PCI address everywhere. Nothing here remembers anything, nor decides who gets what:
//! that is for [`crate::plugin`].

mod address;
mod attribute;
mod choose;
pub(crate) mod device;
mod driver;
mod message;
mod options;
mod physical;
mod pool;
mod reset;
mod sysfs;
mod udev;

pub use address::PciAddress;
pub use attribute::{
    Attribute, Attributes, Found, LinkState, QOS_MAX, Rate, VLAN_MAX, Vlan, VlanProtocol,
};
pub use choose::{ChoiceError, Offer, Taken, WireChoice, WireRequest};
pub use device::{Device, Inside};
pub use driver::{DriverError, VFIO, vfio_device};
pub use options::{UserDriver, VfOptions};
pub(crate) use physical::Physical;
pub use physical::{PhysicalError, filters_vlans};
pub use pool::{FoundPool, Pool, PoolError, Pools, RawPool};
pub use sysfs::{Interface, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
