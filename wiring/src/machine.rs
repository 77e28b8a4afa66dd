//! The machine: PCI devices and their virtual functions as sysfs shows them, CPUs and memory nodes.

pub mod address;
pub mod cpu;
pub mod sysfs;

pub use address::PciAddress;
pub use sysfs::{Interface, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
