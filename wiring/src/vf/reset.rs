//! The function-level reset of a virtual function (PCI Express, "Function Level Reset"): nothing that one container made of the
//! hardware is there for the next one.

use super::driver::{DriverError, write};
use crate::machine::address::PciAddress;
use crate::machine::sysfs::{Sysfs, SysfsError, VirtualFunction};

/// The method that resets this function and no other.
const FUNCTION_LEVEL: &str = "flr";

impl Sysfs {
    /// Whether a device can be reset at all: the kernel shows the file `reset` only then.
    pub fn can_reset(&self, address: PciAddress) -> bool {
        self.device(address).join("reset").exists()
    }

    /// The methods by which the kernel tries to reset a device, in order; none before Linux 5.15.
    ///
    /// # Errors
    /// [`SysfsError`].
    pub fn reset_methods(&self, address: PciAddress) -> Result<Option<String>, SysfsError> {
        self.text(address, "reset_method")
    }

    /// Resets a virtual function while it has no driver, and binds `driver` again: a new interface is in the host's namespace.
    /// `methods` is what [`Self::reset_methods`] said before the first time. Can be repeated after it was cut short anywhere;
    /// `step` is called after each change.
    ///
    /// # Errors
    /// [`DriverError`]; the driver is bound again all the same.
    pub(crate) fn reset(
        &self,
        address: PciAddress,
        methods: Option<&str>,
        driver: &str,
        step: fn(),
    ) -> Result<VirtualFunction, DriverError> {
        if let Some(current) = self.virtual_function(address)?.driver {
            self.release(address, &current)?;
            step();
        }
        let reset = self.reset_by(address, methods, step);
        self.attach(address, driver)?;
        step();
        reset?;
        self.wait(address)
    }

    fn reset_by(
        &self,
        address: PciAddress,
        methods: Option<&str>,
        step: fn(),
    ) -> Result<(), DriverError> {
        let choice = self.device(address).join("reset_method");
        let mut known = methods.unwrap_or_default().split_whitespace();
        let methods = methods.filter(|_| known.any(|method| method == FUNCTION_LEVEL));
        if methods.is_some() {
            write(address, choice.clone(), FUNCTION_LEVEL)?;
            step();
        }
        let reset = write(address, self.device(address).join("reset"), "1");
        step();
        if let Some(methods) = methods {
            write(address, choice, methods)?;
            step();
        }
        reset
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    /// A virtual function that was left without a driver in the middle of a reset.
    fn tree() -> TempDir {
        let root = TempDir::new().unwrap();
        let devices = root.path().join("bus/pci/devices");
        let driver = root.path().join("bus/pci/drivers/igbvf");
        for directory in ["0000:01:00.0", "0000:01:10.0/net/eth1"] {
            fs::create_dir_all(devices.join(directory)).unwrap();
        }
        fs::create_dir_all(&driver).unwrap();
        for file in ["bind", "unbind"] {
            fs::write(driver.join(file), "").unwrap();
        }
        symlink("../0000:01:10.0", devices.join("0000:01:00.0/virtfn0")).unwrap();
        let function = devices.join("0000:01:10.0");
        symlink("../0000:01:00.0", function.join("physfn")).unwrap();
        for (file, text) in [
            ("reset", ""),
            ("reset_method", "flr\n"),
            ("net/eth1/ifindex", "9\n"),
        ] {
            fs::write(function.join(file), text).unwrap();
        }
        root
    }

    fn text(root: &Path, path: &str) -> String {
        fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn a_reset_that_was_cut_short_is_done_again() {
        let root = tree();
        let address = "0000:01:10.0".parse().unwrap();
        let sysfs = Sysfs::at(root.path());
        let function = sysfs
            .reset(address, Some("flr bus"), "igbvf", || {})
            .unwrap();
        assert_eq!(
            function.interface.map(|one| one.name).as_deref(),
            Some("eth1")
        );
        let device = "bus/pci/devices/0000:01:10.0";
        assert_eq!(text(root.path(), &format!("{device}/reset")), "1");
        assert_eq!(
            text(root.path(), &format!("{device}/reset_method")),
            "flr bus"
        );
        assert_eq!(text(root.path(), "bus/pci/drivers/igbvf/unbind"), "");
        assert_eq!(
            text(root.path(), "bus/pci/drivers/igbvf/bind"),
            "0000:01:10.0"
        );
    }

    #[test]
    fn the_driver_is_bound_again_after_an_error() {
        let root = tree();
        let device = root.path().join("bus/pci/devices/0000:01:10.0");
        fs::remove_file(device.join("reset")).unwrap();
        let address = "0000:01:10.0".parse().unwrap();
        let error = Sysfs::at(root.path()).reset(address, None, "igbvf", || {});
        assert!(
            error
                .unwrap_err()
                .to_string()
                .starts_with("cannot write `1` to")
        );
        // No method to choose was written either.
        assert_eq!(text(&device, "reset_method"), "flr\n");
        assert_eq!(
            text(root.path(), "bus/pci/drivers/igbvf/bind"),
            "0000:01:10.0"
        );
    }
}
