//! CPUs that processes may run on, as procfs says. Reads, changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use crate::netns::{self, NetnsId};

/// Some CPUs, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<u32>);

/// The kernel's notation of lists (`bitmap_parselist`, lib/bitmap-str.c): `0-3,8`, or nothing.
impl FromStr for CpuSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut cpus = BTreeSet::new();
        for part in text.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = first.parse::<u32>().ok().zip(last.parse::<u32>().ok());
            let (first, last) = range.ok_or_else(|| format!("`{text}` is no list of CPUs"))?;
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl CpuSet {
    /// Those of this process, and of what it starts.
    pub(crate) fn own() -> Self {
        Self::of_process(Path::new("/proc/self")).unwrap_or_default()
    }

    /// Those of all processes in a network namespace; none where there are no processes.
    pub(crate) fn of_namespace(id: NetnsId) -> Self {
        let processes = netns::processes().into_iter().flatten();
        let found = processes
            .filter(|(_, netns)| *netns == id)
            .filter_map(|(process, _)| Self::of_process(&process));
        Self(found.flat_map(|cpus| cpus.0).collect())
    }

    /// Those of a process; `None` for one that has ended.
    fn of_process(directory: &Path) -> Option<Self> {
        let status = std::fs::read_to_string(directory.join("status")).ok()?;
        let mut lines = status.lines();
        let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        list.parse().ok()
    }

    /// Whether any CPU is in both sets.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        for (text, expected) in [
            ("", Some(&[][..])),
            ("\n", Some(&[])),
            ("3", Some(&[3])),
            ("0-2,5,7-7\n", Some(&[0, 1, 2, 5, 7])),
            ("0-", None),
            ("a", None),
            ("0 1", None),
        ] {
            let found = text.parse::<CpuSet>().ok();
            let expected = expected.map(|cpus| CpuSet(cpus.iter().copied().collect()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn this_process_is_in_its_namespace() {
        let own = CpuSet::own();
        assert_ne!(own, CpuSet::default());
        let id = netns::Netns::current().unwrap().id();
        assert!(own.meets(&CpuSet::of_namespace(id)));
    }
}
