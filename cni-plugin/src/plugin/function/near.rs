//! Which memory nodes a container will be near to, as far as that can be told when its virtual function is chosen. Reads
//! only.

use std::collections::BTreeSet;

use crate::cpu::CpuSet;
use crate::plugin::state::NetnsRecord;
use crate::vf::Sysfs;

/// Whose CPUs a container will run on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Runner {
    /// This process starts it.
    Caller,
    /// A runtime does, which has started the first process in its network namespace, or has not. This process's own CPUs
    /// say nothing: they are the runtime's.
    Runtime,
}

impl Runner {
    /// The memory nodes of those CPUs; none where nothing is known.
    pub(super) fn nodes(self, sysfs: &Sysfs, netns: &NetnsRecord) -> BTreeSet<u32> {
        sysfs.nodes_of(&match self {
            Self::Caller => CpuSet::own(),
            Self::Runtime => CpuSet::of_namespace(netns.id),
        })
    }
}
