//! The directory of one PCI device in sysfs: its files, each read by itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Interface, SysfsError, VirtualFunction};
use crate::machine::address::PciAddress;

/// The directory of one device.
pub(super) struct Entry {
    pub(super) address: PciAddress,
    pub(super) directory: PathBuf,
}

impl Entry {
    pub(super) fn virtual_function(&self, physical: PciAddress, index: u32) -> VirtualFunction {
        VirtualFunction {
            address: self.address,
            physical,
            index,
            interface: self.interface(),
            driver: self.link("driver"),
            numa_node: self.numa_node(),
            iommu_group: self
                .link("iommu_group")
                .and_then(|group| group.parse().ok()),
        }
    }

    /// The text of a file; `None` if there is no such file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, SysfsError> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SysfsError::Read {
                address: self.address,
                path,
                source,
            }),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, SysfsError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| SysfsError::Number {
            address: self.address,
            path: self.directory.join(name),
            text,
        })?;
        Ok(Some(number))
    }

    /// Vendor and device as `lspci -n` writes them.
    pub(super) fn device_id(&self) -> String {
        let digits = |name| {
            let text = self.text(name).ok().flatten().unwrap_or_default();
            text.trim_start_matches("0x").to_owned()
        };
        format!("{}:{}", digits("vendor"), digits("device"))
    }

    /// -1 is how the kernel says that it does not know.
    pub(super) fn numa_node(&self) -> Option<u32> {
        self.text("numa_node").ok()??.parse().ok()
    }

    /// The last component of what a link points to.
    pub(super) fn link(&self, name: &str) -> Option<String> {
        let target = fs::read_link(self.directory.join(name)).ok()?;
        last(&target).map(str::to_owned)
    }

    /// The interface; not those that represent virtual functions in a switch (`phys_port_name` is `pf0vf3`).
    pub(super) fn interface(&self) -> Option<Interface> {
        let directory = self.directory.join("net");
        let mut found: Vec<Interface> = names(&directory)
            .ok()?
            .into_iter()
            .filter(|name| {
                let port = fs::read_to_string(directory.join(name).join("phys_port_name"));
                !port.is_ok_and(|port| port.contains("vf"))
            })
            .filter_map(|name| {
                let index = fs::read_to_string(directory.join(&name).join("ifindex")).ok()?;
                let index = index.trim().parse().ok()?;
                Some(Interface { name, index })
            })
            .collect();
        found.sort_by_key(|interface| interface.index);
        found.into_iter().next()
    }
}

pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

pub(super) fn last(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
