//! What sysfs says of physical and virtual functions (Documentation/PCI/pci-iov-howto.rst). Reads, changes nothing.
//!
//! All paths are below a root, `/sys` or a test's directory. Interfaces appear here only while they are in the network
//! namespace that the sysfs was mounted in: [`crate::vf::device`] finds them elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::address::PciAddress;

mod entry;
mod node;

use entry::{Entry, last, names};

/// What sysfs does not say.
#[derive(Debug, thiserror::Error)]
pub enum SysfsError {
    /// A file could not be read.
    #[error("cannot read {} of {address}", path.display())]
    Read {
        /// The device.
        address: PciAddress,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} of {address} holds `{text}`, which is no number", path.display())]
    Number {
        /// The device.
        address: PciAddress,
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// There is no such device.
    #[error("there is no PCI device {0}")]
    NoDevice(PciAddress),
    /// The device is no physical function.
    #[error("{0} is not a physical function: it has no sriov_totalvfs")]
    NotPhysical(PciAddress),
    /// The device is no virtual function.
    #[error("{0} is not a virtual function: it has no physfn")]
    NotVirtual(PciAddress),
    /// The physical function has no such virtual function.
    #[error("{physical} has no virtual function {index}: {enabled} are enabled, of {total}")]
    NoIndex {
        /// The physical function.
        physical: PciAddress,
        /// The index asked for.
        index: u32,
        /// How many are enabled.
        enabled: u32,
        /// How many there can be.
        total: u32,
    },
    /// No device could be listed.
    #[error("cannot list {}", path.display())]
    List {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An interface of a PCI device that is in the network namespace of this sysfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
}

/// A PCI device that can have virtual functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalFunction {
    /// Its address.
    pub address: PciAddress,
    /// PCI vendor and device, `8086:10c9`.
    pub device_id: String,
    /// Its interface, but for those of other namespaces.
    pub interface: Option<Interface>,
    /// Virtual functions that it can have (`sriov_totalvfs`).
    pub total: u32,
    /// Virtual functions that it has (`sriov_numvfs`).
    pub enabled: u32,
    /// Memory node that it is near to; absent where the machine has one only or the firmware does not say.
    pub numa_node: Option<u32>,
    /// Its driver.
    pub driver: Option<String>,
}

/// A virtual function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualFunction {
    /// Its address.
    pub address: PciAddress,
    /// The physical function that it belongs to.
    pub physical: PciAddress,
    /// Its number there, from 0, by which netlink names it.
    pub index: u32,
    /// Its interface, but for those of other namespaces.
    pub interface: Option<Interface>,
    /// Its driver.
    pub driver: Option<String>,
    /// Memory node that it is near to.
    pub numa_node: Option<u32>,
    /// IOMMU group, which is the number of its VFIO device.
    pub iommu_group: Option<u32>,
}

/// A sysfs.
#[derive(Clone, Debug)]
pub struct Sysfs {
    root: PathBuf,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self::at("/sys")
    }
}

impl Sysfs {
    /// The sysfs below a directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether this is the sysfs of the kernel that runs, so that this can be asked for more.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/sys")
    }

    /// The directory of all PCI devices.
    pub(crate) fn devices(&self) -> PathBuf {
        self.root.join("bus/pci/devices")
    }

    /// The directory of one PCI device.
    pub(crate) fn device(&self, address: PciAddress) -> PathBuf {
        self.devices().join(address.to_string())
    }

    /// The directory of a PCI driver, which exists while the driver is loaded.
    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.root.join("bus/pci/drivers").join(name)
    }

    /// The file that lists the CPUs that are online.
    pub(crate) fn online_cpus(&self) -> PathBuf {
        self.root.join("devices/system/cpu/online")
    }

    /// The numbers of the interrupt vectors of a device (`msi_irqs`), in order; none without a driver.
    ///
    /// # Errors
    /// [`SysfsError::List`].
    pub fn interrupts(&self, address: PciAddress) -> Result<Vec<u32>, SysfsError> {
        let path = self.device(address).join("msi_irqs");
        let mut numbers: Vec<u32> = match names(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found
                .map_err(|source| SysfsError::List { path, source })?
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect(),
        };
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// All physical functions, by address.
    ///
    /// # Errors
    /// [`SysfsError`], of the first that cannot be read.
    pub fn physical_functions(&self) -> Result<Vec<PhysicalFunction>, SysfsError> {
        let directory = self.devices();
        let mut addresses: Vec<PciAddress> = match names(&directory) {
            // A machine without PCI.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found
                .map_err(|source| SysfsError::List {
                    path: directory.clone(),
                    source,
                })?
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect(),
        };
        addresses.retain(|address| self.device(*address).join("sriov_totalvfs").exists());
        addresses.sort();
        addresses
            .into_iter()
            .map(|address| self.physical_function(address))
            .collect()
    }

    /// One physical function.
    ///
    /// # Errors
    /// [`SysfsError`].
    pub fn physical_function(&self, address: PciAddress) -> Result<PhysicalFunction, SysfsError> {
        self.exists(address)?;
        let file = Entry {
            address,
            directory: self.device(address),
        };
        let total = file.number("sriov_totalvfs")?;
        Ok(PhysicalFunction {
            address,
            device_id: file.device_id(),
            interface: file.interface(),
            total: total.ok_or(SysfsError::NotPhysical(address))?,
            enabled: file.number("sriov_numvfs")?.unwrap_or(0),
            numa_node: file.numa_node(),
            driver: file.link("driver"),
        })
    }

    /// The PCI device of an interface.
    pub fn device_of(&self, interface: &str) -> Option<PciAddress> {
        // A name is one component of a path.
        if interface.contains('/') || interface.starts_with('.') {
            return None;
        }
        let device = self.root.join("class/net").join(interface).join("device");
        last(&fs::canonicalize(device).ok()?)?.parse().ok()
    }

    /// One virtual function.
    ///
    /// # Errors
    /// [`SysfsError`].
    pub fn virtual_function(&self, address: PciAddress) -> Result<VirtualFunction, SysfsError> {
        self.exists(address)?;
        let file = Entry {
            address,
            directory: self.device(address),
        };
        let physical = file.link("physfn").and_then(|name| name.parse().ok());
        let physical: PciAddress = physical.ok_or(SysfsError::NotVirtual(address))?;
        let mut indices = self.indices(physical)?.into_iter();
        let index = indices.find(|(_, found)| *found == address);
        let (index, _) = index.ok_or(SysfsError::NotVirtual(address))?;
        Ok(file.virtual_function(physical, index))
    }

    /// The virtual functions of a physical function, by index.
    ///
    /// # Errors
    /// [`SysfsError`].
    pub fn virtual_functions(
        &self,
        physical: PciAddress,
    ) -> Result<Vec<VirtualFunction>, SysfsError> {
        let indices = self.indices(physical)?.into_iter();
        let functions = indices.map(|(index, address)| {
            let directory = self.device(address);
            Entry { address, directory }.virtual_function(physical, index)
        });
        Ok(functions.collect())
    }

    /// The virtual function of an index.
    ///
    /// # Errors
    /// [`SysfsError::NoIndex`], and others.
    pub fn by_index(
        &self,
        physical: PciAddress,
        index: u32,
    ) -> Result<VirtualFunction, SysfsError> {
        let link = self.device(physical).join(format!("virtfn{index}"));
        let address = fs::read_link(link).ok();
        let address = address.and_then(|target| last(&target)?.parse().ok());
        let Some(address) = address else {
            let function = self.physical_function(physical)?;
            return Err(SysfsError::NoIndex {
                physical,
                index,
                enabled: function.enabled,
                total: function.total,
            });
        };
        let directory = self.device(address);
        Ok(Entry { address, directory }.virtual_function(physical, index))
    }

    /// The number in a file of a device; `None` if there is no such file.
    pub(crate) fn number(
        &self,
        address: PciAddress,
        file: &str,
    ) -> Result<Option<u32>, SysfsError> {
        let directory = self.device(address);
        Entry { address, directory }.number(file)
    }

    /// The text of a file of a device; `None` if there is no such file.
    pub(crate) fn text(
        &self,
        address: PciAddress,
        file: &str,
    ) -> Result<Option<String>, SysfsError> {
        let directory = self.device(address);
        Entry { address, directory }.text(file)
    }

    fn exists(&self, address: PciAddress) -> Result<(), SysfsError> {
        if self.device(address).exists() {
            return Ok(());
        }
        Err(SysfsError::NoDevice(address))
    }

    /// Index and address of the virtual functions (`virtfnN`).
    fn indices(&self, physical: PciAddress) -> Result<Vec<(u32, PciAddress)>, SysfsError> {
        self.exists(physical)?;
        let directory = self.device(physical);
        let found = names(&directory).map_err(|source| SysfsError::List {
            path: directory.clone(),
            source,
        })?;
        let mut indices: Vec<(u32, PciAddress)> = found
            .iter()
            .filter_map(|name| {
                let index = name.strip_prefix("virtfn")?.parse().ok()?;
                let target = fs::read_link(directory.join(name)).ok()?;
                Some((index, last(&target)?.parse().ok()?))
            })
            .collect();
        indices.sort_unstable();
        Ok(indices)
    }
}
