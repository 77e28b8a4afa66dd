//! Which memory nodes a container will be near to, as far as that can be told when its virtual function is chosen. Reads
//! only.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::kernel::netns;
use crate::kernel::netns::NetnsId;
use crate::ledger::NetnsRecord;
use crate::machine::Sysfs;
use crate::machine::cpu::Cpus;

/// Whose CPUs a container will run on.
#[derive(Clone, Copy, Debug)]
pub enum Runner {
    /// This process starts it.
    Caller,
    /// A runtime does, which has started the first process in its network namespace, or has not. This process's own CPUs
    /// say nothing: they are the runtime's.
    Runtime,
}

impl Runner {
    /// The memory nodes of those CPUs; none where nothing is known.
    pub(super) fn nodes(self, sysfs: &Sysfs, netns: &NetnsRecord) -> BTreeSet<u32> {
        let cpus = match self {
            Self::Caller => of_process(Path::new("/proc/self")),
            Self::Runtime => of_namespace(netns.id),
        };
        cpus.map(|cpus| sysfs.nodes_of(&cpus)).unwrap_or_default()
    }
}

/// The CPUs of all processes in a network namespace; none where there are no processes.
fn of_namespace(id: NetnsId) -> Option<Cpus> {
    let processes = netns::processes().into_iter().flatten();
    let inside = processes.filter(|(_, netns)| *netns == id);
    Cpus::union(inside.filter_map(|(process, _)| of_process(&process)))
}

/// The CPUs that a process may run on; `None` for one that has ended.
fn of_process(directory: &Path) -> Option<Cpus> {
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_in_its_namespace() {
        let own = of_process(Path::new("/proc/self")).unwrap();
        let id = netns::Netns::current().unwrap().id();
        assert!(own.meets(&of_namespace(id).unwrap()));
    }
}
