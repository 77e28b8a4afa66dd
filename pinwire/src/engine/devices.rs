//! What a node's containers are given to drive virtual functions themselves: devices, variables that say which is which, and
//! memory that they may lock for them.

use std::path::Path;

use pinwire_shim::workload::Workload;
use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::allocation::device::{VfDevice, devices};
use pinwire_wiring::ledger::State;
use pinwire_wiring::name::{InterfaceName, NodeName};

use crate::paths::TopologyPaths;

/// What all who open a group open first (Documentation/driver-api/vfio.rst).
const CONTAINER: &str = "/dev/vfio/vfio";
/// The start of the names of variables.
const PREFIX: &str = "PINWIRE_VF_";

/// The virtual functions of a node that its containers drive.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices(Vec<VfDevice>);

impl Devices {
    /// Those of a node, as they are held now.
    ///
    /// # Errors
    /// [`AllocationError`].
    pub(super) fn of(paths: &TopologyPaths, node: &NodeName) -> Result<Self, AllocationError> {
        devices(&State::at(&paths.plugin), &paths.name, node).map(Self)
    }

    /// A workload that has them.
    pub(super) fn give_to(&self, workload: &Workload) -> Workload {
        let mut workload = workload.clone();
        if self.0.is_empty() {
            return workload;
        }
        let groups = self.0.iter().map(|device| device.path.as_path());
        for path in [Path::new(CONTAINER)].into_iter().chain(groups) {
            // Two of one group have one device.
            if !workload.devices.iter().any(|known| known == path) {
                workload.devices.push(path.to_owned());
            }
        }
        // Whatever a process maps for the device to read and write is locked in memory.
        workload.locks_memory = true;
        // First, so that the pod's own variables and arguments can refer to them.
        workload.env.splice(0..0, self.variables());
        workload
    }

    /// The variables, in the order of the addresses.
    fn variables(&self) -> Vec<(String, String)> {
        let mut variables: Vec<(String, String)> = Vec::new();
        for device in &self.0 {
            let (name, address) = (variable(&device.interface), device.function.to_string());
            match variables.iter_mut().find(|(known, _)| *known == name) {
                // Interfaces whose names differ in case or punctuation only, as device plugins list several.
                Some((_, value)) => *value = format!("{value},{address}"),
                None => variables.push((name, address)),
            }
        }
        variables
    }
}

/// The variable of a link: letters in upper case, digits, and `_` for all else.
fn variable(interface: &InterfaceName) -> String {
    let letter = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte.to_ascii_uppercase()),
        _ => '_',
    };
    let name = interface.as_str().bytes().map(letter);
    PREFIX.chars().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(interface: &str, function: &str, group: u32) -> VfDevice {
        VfDevice {
            interface: interface.parse().unwrap(),
            function: function.parse().unwrap(),
            path: format!("/dev/vfio/{group}").into(),
        }
    }

    #[test]
    fn a_workload_finds_its_devices() {
        let plain = Workload {
            env: vec![("A".to_owned(), "$(PINWIRE_VF_UP)".to_owned())],
            ..Workload::default()
        };
        assert_eq!(Devices::default().give_to(&plain), plain);
        let devices = Devices(vec![
            device("up", "0000:01:10.0", 7),
            device("to-h2.1", "0000:01:10.2", 8),
            device("TO-H2-1", "0000:01:10.4", 8),
        ]);
        let given = devices.give_to(&plain);
        let paths = ["/dev/vfio/vfio", "/dev/vfio/7", "/dev/vfio/8"];
        assert_eq!(given.devices, paths.map(std::path::PathBuf::from));
        assert!(given.locks_memory);
        let text = |(name, value): &(String, String)| format!("{name}={value}");
        assert_eq!(
            given.env.iter().map(text).collect::<Vec<_>>(),
            [
                "PINWIRE_VF_UP=0000:01:10.0",
                "PINWIRE_VF_TO_H2_1=0000:01:10.2,0000:01:10.4",
                "A=$(PINWIRE_VF_UP)",
            ]
        );
    }
}
