//! Which capabilities a container has: the default set, what a pod adds and drops. Decides only; nothing is dropped here.

use std::fs;
use std::io;

use oci_spec::runtime::{Capabilities, Capability};

/// What every container has unless it drops them (the default of Docker and containerd).
const DEFAULT: [Capability; 14] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// All capabilities by their number (linux/capability.h).
#[rustfmt::skip]
const BY_NUMBER: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
];

/// The name of a capability that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a capability (see capabilities(7), without `CAP_`, or `ALL`)")]
pub struct UnknownCapability(pub String);

/// The default set with what a pod adds and drops. As in Kubernetes, names weigh more than `ALL`: `drop: [ALL]` with
/// `add: [NET_RAW]` leaves `NET_RAW`; a name that is both added and dropped is dropped. `ALL` stands for `available`: what
/// this process has itself and can therefore give.
///
/// # Errors
/// [`UnknownCapability`].
pub fn resolve(
    add: &[String],
    drop: &[String],
    available: &Capabilities,
) -> Result<Capabilities, UnknownCapability> {
    let (add, drop) = (Change::parse(add)?, Change::parse(drop)?);
    let mut granted: Capabilities = match (drop.all, add.all) {
        (true, _) => Capabilities::new(),
        (false, true) => available.clone(),
        (false, false) => DEFAULT.into_iter().collect(),
    };
    granted.extend(add.named);
    granted.retain(|capability| !drop.named.contains(capability));
    Ok(granted)
}

/// Whether a list holds this capability by its name.
pub(crate) fn is_named(names: &[String], capability: Capability) -> bool {
    Change::parse(names).is_ok_and(|change| change.named.contains(&capability))
}

/// The permitted capabilities of the calling process.
///
/// # Errors
/// Those of reading `/proc/self/status`.
pub(crate) fn own() -> io::Result<Capabilities> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    let present =
        |(bit, name): (usize, &&str)| (mask >> bit & 1 == 1).then(|| name.parse().ok())?;
    Ok(BY_NUMBER.iter().enumerate().filter_map(present).collect())
}

#[derive(Default)]
struct Change {
    all: bool,
    named: Capabilities,
}

impl Change {
    fn parse(names: &[String]) -> Result<Self, UnknownCapability> {
        let mut change = Self::default();
        for name in names {
            let upper = name.to_ascii_uppercase();
            match upper.strip_prefix("CAP_").unwrap_or(&upper) {
                "ALL" => change.all = true,
                short => {
                    change
                        .named
                        .insert(short.parse().map_err(|_| UnknownCapability(name.clone()))?);
                }
            }
        }
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn additions_and_removals_follow_kubernetes() {
        let available: Capabilities = DEFAULT
            .into_iter()
            .chain([Capability::SysAdmin, Capability::NetAdmin])
            .collect();
        let default: Capabilities = DEFAULT.into_iter().collect();
        let without = |capability| {
            default
                .iter()
                .copied()
                .filter(|&other| other != capability)
                .collect()
        };
        for (name, add, drop, expected) in [
            ("nothing", &[][..], &[][..], default.clone()),
            ("all", &["ALL"], &[], available.clone()),
            (
                "all but one",
                &["all"],
                &["SYS_ADMIN"],
                DEFAULT.into_iter().chain([Capability::NetAdmin]).collect(),
            ),
            ("none", &[], &["ALL"], Capabilities::new()),
            (
                "none but one",
                &["NET_RAW"],
                &["ALL"],
                [Capability::NetRaw].into(),
            ),
            (
                "dropped wins",
                &["KILL"],
                &["CAP_KILL"],
                without(Capability::Kill),
            ),
        ] {
            assert_eq!(
                resolve(&names(add), &names(drop), &available),
                Ok(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn every_number_has_a_capability() {
        let names: Result<Capabilities, _> = BY_NUMBER.iter().map(|name| name.parse()).collect();
        assert_eq!(names.unwrap().len(), BY_NUMBER.len());
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = resolve(&names(&["NET_ADMIM"]), &[], &Capabilities::new()).unwrap_err();
        assert_eq!(error, UnknownCapability("NET_ADMIM".into()));
    }
}
