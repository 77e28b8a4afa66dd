//! SR-IOV virtual functions: what there is, what each is told through its physical function, and its interface on the way
//! into a container and back.
//!
//! A virtual function is known by its PCI address everywhere. Nothing here remembers anything, nor decides who gets what:
//! that is for [`crate::allocation`].

mod choose;
pub mod device;
mod driver;
mod message;
mod physical;
mod reset;
mod udev;

pub use choose::{ChoiceError, Offer, Taken, WireChoice, WireRequest};
pub use device::{Device, Inside};
pub use driver::{DriverError, vfio_device};
pub use physical::{Physical, PhysicalError, filters_vlans};
