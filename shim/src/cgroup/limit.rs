//! The limits of a container's control group: from the resources of a pod to the files of either version. The conversions
//! are those of Kubernetes and runc, so that a pod weighs the same here as there.

use super::{Cgroup, CgroupError, Version, write};
use crate::workload::Resources;

/// The period of a CPU quota in microseconds, the kernel's and Kubernetes' default.
const PERIOD: u64 = 100_000;

/// A file of a controller and what is written to it.
type Setting = (&'static str, &'static str, String);

impl Cgroup {
    /// Writes the limits that are set. A controller that the host lacks is an error only where it has something to limit.
    ///
    /// # Errors
    /// [`CgroupError::Write`], [`CgroupError::Missing`].
    pub(crate) fn limit(&self, resources: &Resources) -> Result<(), CgroupError> {
        for controller in ["cpu", "memory", "pids"] {
            let hierarchy = self.hierarchies().of(controller);
            let version = hierarchy.map_or(Version::V2, |hierarchy| hierarchy.version);
            for (_, file, value) in settings(resources, version)
                .into_iter()
                .filter(|(owner, ..)| *owner == controller)
            {
                let hierarchy = hierarchy.ok_or(CgroupError::Missing(controller))?;
                write(&self.directory(hierarchy).join(file), &value)?;
            }
        }
        Ok(())
    }
}

fn settings(resources: &Resources, version: Version) -> Vec<Setting> {
    let shares = resources
        .cpu_request_millis
        .map(|millis| (millis.saturating_mul(1024) / 1000).clamp(2, 262_144));
    let quota = resources
        .cpu_limit_millis
        .map(|millis| (millis.saturating_mul(PERIOD) / 1000).max(1000));
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    // The weights 1 to 10000 of version 2 cover the shares 2 to 262144 of version 1.
    let weight = |shares| 1 + (shares - 2) * 9999 / 262_142;
    let [shares, quota, memory] = match version {
        Version::V1 => [
            ("cpu", "cpu.shares", number(shares)),
            ("cpu", "cpu.cfs_quota_us", number(quota)),
            (
                "memory",
                "memory.limit_in_bytes",
                number(resources.memory_limit_bytes),
            ),
        ],
        Version::V2 => [
            ("cpu", "cpu.weight", number(shares.map(weight))),
            (
                "cpu",
                "cpu.max",
                quota.map(|quota| format!("{quota} {PERIOD}")),
            ),
            ("memory", "memory.max", number(resources.memory_limit_bytes)),
        ],
    };
    let pids = ("pids", "pids.max", number(resources.pids_limit));
    [shares, quota, memory, pids]
        .into_iter()
        .filter_map(|(controller, file, value)| Some((controller, file, value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Hierarchies;
    use std::fs;

    fn resources() -> Resources {
        Resources {
            cpu_limit_millis: Some(1500),
            cpu_request_millis: Some(1000),
            memory_limit_bytes: Some(64 << 20),
            pids_limit: Some(100),
        }
    }

    #[test]
    fn resources_become_the_files_of_either_version() {
        let text = |version| {
            settings(&resources(), version)
                .into_iter()
                .map(|(_, file, value)| format!("{file}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            text(Version::V1),
            [
                "cpu.shares=1024",
                "cpu.cfs_quota_us=150000",
                "memory.limit_in_bytes=67108864",
                "pids.max=100"
            ]
        );
        assert_eq!(
            text(Version::V2),
            [
                "cpu.weight=39",
                "cpu.max=150000 100000",
                "memory.max=67108864",
                "pids.max=100"
            ]
        );
        assert!(settings(&Resources::default(), Version::V2).is_empty());
    }

    #[test]
    fn only_what_is_set_is_written_and_a_missing_controller_is_told() {
        let root = tempfile::tempdir().unwrap();
        let hierarchies = Hierarchies::at(&[(root.path(), Version::V2, &["memory"])]);
        let group = Cgroup::within(hierarchies, "/pinwire/t").unwrap();
        group.create().unwrap();
        let file = root.path().join("pinwire/t/memory.max");
        fs::write(&file, "max").unwrap();
        let memory = Resources {
            memory_limit_bytes: Some(4096),
            ..Resources::default()
        };
        group.limit(&memory).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "4096");
        let error = group.limit(&resources()).unwrap_err();
        assert!(matches!(error, CgroupError::Missing("cpu")), "{error}");
    }
}
