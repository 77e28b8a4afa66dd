//! What a control group has used: memory, CPU time, throttling, kills for want of memory. Reads only; what cannot be read
//! because the host lacks the controller is absent.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::{Cgroup, Version};

/// What the processes of a group have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Memory in use, caches included, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes that were killed because the group was out of memory.
    pub oom_kills: Option<u64>,
    /// CPU time, in microseconds.
    pub cpu_microseconds: Option<u64>,
    /// Periods in which the CPU quota was used up.
    pub throttled_periods: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl Cgroup {
    /// Reads what the group and those within it have used.
    pub fn usage(&self) -> Usage {
        let directory = |controller| {
            let hierarchy = self.hierarchies().of(controller)?;
            Some((hierarchy.version, self.directory(hierarchy)))
        };
        let mut usage = Usage::default();
        if let Some((version, memory)) = directory("memory") {
            usage.read_memory(version, &memory);
        }
        if let Some((version, cpu)) = directory("cpu") {
            usage.read_cpu(version, &cpu);
        }
        if let Some((Version::V1, account)) = directory("cpuacct") {
            usage.cpu_microseconds =
                number(&account.join("cpuacct.usage")).map(|nanoseconds| nanoseconds / 1000);
        }
        usage.pids = directory("pids").and_then(|(_, pids)| number(&pids.join("pids.current")));
        usage
    }
}

impl Usage {
    fn read_memory(&mut self, version: Version, directory: &Path) {
        let (current, events) = match version {
            Version::V1 => ("memory.usage_in_bytes", "memory.oom_control"),
            Version::V2 => ("memory.current", "memory.events"),
        };
        self.memory_bytes = number(&directory.join(current));
        self.oom_kills = field(&directory.join(events), "oom_kill");
    }

    fn read_cpu(&mut self, version: Version, directory: &Path) {
        let file = directory.join("cpu.stat");
        self.throttled_periods = field(&file, "nr_throttled");
        if version == Version::V2 {
            self.cpu_microseconds = field(&file, "usage_usec");
        }
    }
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The value of a line `NAME VALUE`.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(other, _)| *other == name)?
        .1
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Hierarchies;

    #[test]
    fn both_versions_are_read_in_the_same_units() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for (file, text) in [
            ("v2/pinwire/t/memory.current", "4096\n"),
            (
                "v2/pinwire/t/memory.events",
                "low 0\noom 2\noom_kill 1\noom_group_kill 0\n",
            ),
            (
                "v2/pinwire/t/cpu.stat",
                "usage_usec 70\nnr_throttled 3\nthrottled_usec 5\n",
            ),
            ("memory/pinwire/t/memory.usage_in_bytes", "4096\n"),
            (
                "memory/pinwire/t/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            ),
            (
                "cpu/pinwire/t/cpu.stat",
                "nr_periods 9\nnr_throttled 3\nthrottled_time 5000\n",
            ),
            ("cpu/pinwire/t/cpuacct.usage", "70000\n"),
        ] {
            fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            fs::write(at(file), text).unwrap();
        }
        let (memory, cpu, unified) = (at("memory"), at("cpu"), at("v2"));
        let group = |hierarchies| Cgroup::within(hierarchies, "/pinwire/t").unwrap();
        let first = group(Hierarchies::at(&[
            (&memory, Version::V1, &["memory"]),
            (&cpu, Version::V1, &["cpu", "cpuacct"]),
        ]));
        let second = group(Hierarchies::at(&[(
            &unified,
            Version::V2,
            &["cpu", "memory"],
        )]));
        assert_eq!(first.usage(), second.usage());
        assert_eq!(first.usage().oom_kills, Some(1));
        assert_eq!(first.usage().throttled_periods, Some(3));
        assert_eq!(first.usage().pids, None);
    }
}
