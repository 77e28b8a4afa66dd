//! Changes what sysfs can change: how many virtual functions there are, and which driver each has.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::udev;
use crate::annotation::VFIO;
use crate::machine::address::PciAddress;
use crate::machine::sysfs::{Interface, PhysicalFunction, Sysfs, SysfsError, VirtualFunction};

/// How long a driver may take until its interface is there; the files return when it has been made.
const PATIENCE: Duration = Duration::from_secs(5);

/// What could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The device could not be read.
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    /// A file could not be written.
    #[error("cannot write `{value}` to {} for {address}", path.display())]
    Write {
        /// The device.
        address: PciAddress,
        /// The file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// Why.
        source: io::Error,
    },
    /// The driver is not there.
    #[error("the driver `{driver}` is not loaded: run `modprobe {driver}`")]
    NoDriver {
        /// Its name.
        driver: String,
    },
    /// The device has another driver than it was given.
    #[error("{address} has {} instead of the driver `{wanted}`", found.as_deref().map_or_else(|| "no driver".to_owned(), |found| format!("the driver `{found}`")))]
    NotBound {
        /// The device.
        address: PciAddress,
        /// The driver that it was given.
        wanted: String,
        /// The one that it has.
        found: Option<String>,
    },
    /// More virtual functions than the device can have.
    #[error("{address} can have {total} virtual functions, not {count}")]
    TooMany {
        /// The device.
        address: PciAddress,
        /// How many it can have.
        total: u32,
        /// How many were asked for.
        count: u32,
    },
    /// There are virtual functions already, and their number cannot be changed while there are.
    #[error("{address} has {enabled} virtual functions already: free them first")]
    Enabled {
        /// The device.
        address: PciAddress,
        /// How many it has.
        enabled: u32,
    },
}

impl Sysfs {
    /// Makes the virtual functions of a physical function, which must have none. As many as there are already is no
    /// error.
    ///
    /// # Errors
    /// [`DriverError`]; `EBUSY` and `ENOMEM` of `sriov_numvfs` come from the driver, or say that the bus has too little room.
    pub fn create(
        &self,
        address: PciAddress,
        count: u32,
    ) -> Result<Vec<VirtualFunction>, DriverError> {
        let physical = self.physical_function(address)?;
        Self::check_count(&physical, count)?;
        if physical.enabled != count {
            let path = self.device(address).join("sriov_numvfs");
            write(address, path, &count.to_string())?;
        }
        Ok(self.virtual_functions(address)?)
    }

    /// Whether [`Self::create`] can make that many.
    ///
    /// # Errors
    /// [`DriverError::TooMany`], [`DriverError::Enabled`].
    pub fn check_count(physical: &PhysicalFunction, count: u32) -> Result<(), DriverError> {
        let PhysicalFunction {
            address,
            enabled,
            total,
            ..
        } = *physical;
        if count > total {
            return Err(DriverError::TooMany {
                address,
                total,
                count,
            });
        }
        if enabled != 0 && enabled != count {
            return Err(DriverError::Enabled { address, enabled });
        }
        Ok(())
    }

    /// Whether virtual functions that are made get a driver by themselves (`sriov_drivers_autoprobe`), as is usual.
    ///
    /// # Errors
    /// [`SysfsError`].
    pub fn probes(&self, address: PciAddress) -> Result<bool, SysfsError> {
        Ok(self.number(address, "sriov_drivers_autoprobe")? != Some(0))
    }

    /// Whether a PCI driver is there to be bound.
    ///
    /// # Errors
    /// [`DriverError::NoDriver`].
    pub fn check_driver(&self, name: &str) -> Result<(), DriverError> {
        if self.driver(name).exists() {
            return Ok(());
        }
        Err(DriverError::NoDriver {
            driver: name.to_owned(),
        })
    }

    /// Removes all virtual functions of a physical function. Those in use lose their owners' interfaces: whether there are
    /// any is for the caller to find out.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn free(&self, address: PciAddress) -> Result<(), DriverError> {
        if self.physical_function(address)?.enabled == 0 {
            return Ok(());
        }
        write(address, self.device(address).join("sriov_numvfs"), "0")
    }

    /// Gives a virtual function a driver, [`VFIO`] for one. The driver keeps it until [`Self::unbind`].
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn bind(&self, address: PciAddress, driver: &str) -> Result<VirtualFunction, DriverError> {
        let function = self.virtual_function(address)?;
        if function.driver.as_deref() == Some(driver) {
            return Ok(function);
        }
        self.check_driver(driver)?;
        self.give(address, &function, driver)?;
        let function = self.virtual_function(address)?;
        if function.driver.as_deref() == Some(driver) {
            return Ok(function);
        }
        Err(DriverError::NotBound {
            address,
            wanted: driver.to_owned(),
            found: function.driver,
        })
    }

    /// Gives a virtual function back to the kernel's own driver.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn unbind(&self, address: PciAddress) -> Result<VirtualFunction, DriverError> {
        let function = self.virtual_function(address)?;
        // A line without a name ends what driver_override says (Documentation/ABI/testing/sysfs-bus-pci).
        self.give(address, &function, "\n")?;
        Ok(self.virtual_function(address)?)
    }

    /// Unbinds a virtual function from its driver, if it has one, and binds it to `driver`: its interface, wherever it was,
    /// is gone, and a new one is in the host's namespace. Waits for that; `step` is called in between.
    ///
    /// # Errors
    /// [`DriverError`].
    pub(crate) fn rebind(
        &self,
        address: PciAddress,
        driver: &str,
        step: fn(),
    ) -> Result<VirtualFunction, DriverError> {
        if let Some(current) = self.virtual_function(address)?.driver {
            self.release(address, &current)?;
            step();
        }
        self.attach(address, driver)?;
        self.wait(address)
    }

    /// Unbinds a virtual function from its driver.
    pub(super) fn release(&self, address: PciAddress, driver: &str) -> Result<(), DriverError> {
        let path = self.driver(driver).join("unbind");
        write(address, path, &address.to_string())
    }

    /// Binds a virtual function that has no driver.
    pub(super) fn attach(&self, address: PciAddress, driver: &str) -> Result<(), DriverError> {
        let path = self.driver(driver).join("bind");
        write(address, path, &address.to_string())
    }

    /// Waits until a virtual function has its interface and udev has named it, or it does not get one.
    pub(super) fn wait(&self, address: PciAddress) -> Result<VirtualFunction, DriverError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let function = self.virtual_function(address)?;
            let interface = function.interface.as_ref();
            let ready = |one: &Interface| !self.is_live() || udev::is_done(one.index);
            if interface.is_some_and(ready) || Instant::now() > deadline {
                return Ok(function);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has the kernel find the driver of a device anew: the one that is named, or any that fits.
    fn give(
        &self,
        address: PciAddress,
        function: &VirtualFunction,
        driver: &str,
    ) -> Result<(), DriverError> {
        let text = address.to_string();
        write(
            address,
            self.device(address).join("driver_override"),
            driver,
        )?;
        if let Some(current) = &function.driver {
            write(address, self.driver(current).join("unbind"), &text)?;
        }
        let probe = self.devices().with_file_name("drivers_probe");
        write(address, probe, &text)
    }
}

/// The VFIO device of a virtual function, by which a process opens it: `/dev/vfio/GROUP`. `None` unless it is bound to
/// [`VFIO`] and behind an IOMMU.
pub fn vfio_device(function: &VirtualFunction) -> Option<PathBuf> {
    if function.driver.as_deref() != Some(VFIO) {
        return None;
    }
    let group = function.iommu_group?;
    Some(PathBuf::from("/dev/vfio").join(group.to_string()))
}

pub(super) fn write(address: PciAddress, path: PathBuf, value: &str) -> Result<(), DriverError> {
    // Not fs::write, which would make a file where the kernel has none.
    let file = fs::OpenOptions::new().write(true).open(&path);
    let written = file.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
    written.map_err(|source| DriverError::Write {
        address,
        path,
        value: value.trim().to_owned(),
        source,
    })
}
