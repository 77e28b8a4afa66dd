//! The machine: PCI devices and their virtual functions as sysfs shows them, CPUs, memory nodes and interrupts.

pub mod address;
pub mod cpu;
mod interrupt;
pub mod sysfs;

pub use address::PciAddress;
pub use interrupt::{InterruptError, Interrupts};
pub use sysfs::{Interface, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};
