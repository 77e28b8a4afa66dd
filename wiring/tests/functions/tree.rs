//! A directory tree as sysfs shows SR-IOV cards.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pinwire_wiring::machine::{PciAddress, Sysfs};
use tempfile::TempDir;

/// A tree that is removed when dropped.
pub(crate) struct Tree {
    directory: TempDir,
}

/// An address from its text.
pub(crate) fn address(text: &str) -> PciAddress {
    text.parse().unwrap()
}

impl Tree {
    /// A tree without any device.
    pub(crate) fn new() -> Self {
        let tree = Self {
            directory: TempDir::new().unwrap(),
        };
        for directory in ["bus/pci/devices", "bus/pci/drivers", "class/net"] {
            fs::create_dir_all(tree.path(directory)).unwrap();
        }
        tree
    }

    pub(crate) fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.directory.path())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of a device.
    pub(crate) fn device(&self, address: &str) -> PathBuf {
        self.path("bus/pci/devices").join(address)
    }

    /// Adds a physical function with some virtual ones enabled of seven, as two ports of an Intel 82576 are: every other
    /// function from device 16 on is this port's.
    pub(crate) fn physical(&self, address: &str, name: &str, enabled: u32) {
        let device = self.device(address);
        for (file, text) in [
            ("sriov_totalvfs", "7"),
            ("sriov_numvfs", &enabled.to_string()),
            ("vendor", "0x8086"),
            ("device", "0x10c9"),
            ("numa_node", "1"),
        ] {
            write(&device.join(file), text);
        }
        self.interface(address, name, 2);
        self.driver(address, "igb");
        let (prefix, port) = address.split_at(address.len() - 1);
        let bus = prefix.split_at(prefix.len() - 3).0;
        for index in 0..enabled {
            let number = 2 * index + port.parse::<u32>().unwrap();
            let function = format!("{bus}{:02x}.{}", 16 + number / 8, number % 8);
            self.function(address, index, &function, &format!("p{port}v{index}"));
        }
    }

    fn function(&self, physical: &str, index: u32, address: &str, name: &str) {
        let device = self.device(address);
        fs::create_dir_all(&device).unwrap();
        symlink(Path::new("..").join(physical), device.join("physfn")).unwrap();
        let target = Path::new("..").join(address);
        symlink(target, self.device(physical).join(format!("virtfn{index}"))).unwrap();
        self.iommu_group(address, 20 + index);
        write(&device.join("numa_node"), "-1");
        write(&device.join("driver_override"), "(null)");
        self.driver(address, "igbvf");
        self.interface(address, name, 10 + index);
    }

    /// Gives a virtual function to vfio-pci, which has no interface for it.
    pub(crate) fn bind_to_vfio(&self, address: &str) {
        self.driver(address, "vfio-pci");
        fs::remove_dir_all(self.device(address).join("net")).unwrap();
    }

    /// Says which IOMMU group a device is in.
    pub(crate) fn iommu_group(&self, address: &str, group: u32) {
        let link = self.device(address).join("iommu_group");
        // One that it was in goes.
        let _ = fs::remove_file(&link);
        symlink(format!("../../../../kernel/iommu_groups/{group}"), link).unwrap();
    }

    /// Adds a memory node.
    pub(crate) fn node(&self, number: u32, cpus: &str) {
        let directory = self
            .path("devices/system/node")
            .join(format!("node{number}"));
        write(&directory.join("cpulist"), cpus);
    }

    /// Says which memory node a device is near to; -1 for none.
    pub(crate) fn near(&self, address: &str, node: i32) {
        write(&self.device(address).join("numa_node"), &node.to_string());
    }

    /// Adds an interface to a device.
    pub(crate) fn interface(&self, address: &str, name: &str, index: u32) {
        let net = self.device(address).join("net").join(name);
        write(&net.join("ifindex"), &index.to_string());
        let class = self.path("class/net").join(name);
        fs::create_dir_all(&class).unwrap();
        symlink(self.device(address), class.join("device")).unwrap();
    }

    /// Gives a device a driver.
    pub(crate) fn driver(&self, address: &str, driver: &str) {
        let directory = self.path("bus/pci/drivers").join(driver);
        fs::create_dir_all(&directory).unwrap();
        for file in ["bind", "unbind"] {
            write(&directory.join(file), "");
        }
        let link = self.device(address).join("driver");
        // One that it had goes.
        let _ = fs::remove_file(&link);
        let target = Path::new("../../../../bus/pci/drivers").join(driver);
        symlink(target, link).unwrap();
    }
}

/// Writes a file, and the directories that it is in.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}
