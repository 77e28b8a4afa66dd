//! Memory nodes and the CPUs that are on them (Documentation/ABI/stable/sysfs-devices-node).

use std::collections::BTreeSet;
use std::fs;

use super::{Sysfs, names};
use crate::machine::cpu::Cpus;

impl Sysfs {
    /// The memory nodes that some CPUs are on; none where this machine does not say.
    pub fn nodes_of(&self, cpus: &Cpus) -> BTreeSet<u32> {
        let directory = self.root.join("devices/system/node");
        let names = names(&directory).unwrap_or_default();
        let on_node = |name: &String| -> Option<u32> {
            let number = name.strip_prefix("node")?.parse().ok()?;
            let list = fs::read_to_string(directory.join(name).join("cpulist")).ok()?;
            list.parse::<Cpus>().ok()?.meets(cpus).then_some(number)
        };
        names.iter().filter_map(on_node).collect()
    }
}
