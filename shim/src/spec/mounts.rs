//! The mounts that every container has, and what of the kernel's interfaces is hidden from it. Pure.

use oci_spec::OciSpecError;
use oci_spec::runtime::{Mount, MountBuilder};

/// Kernel interfaces that tell of, or reach into, the whole host (the list of containerd).
pub(super) const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Kernel interfaces that may be read but not written.
pub(super) const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// One mount: where, of which filesystem, with which options.
type Standard = (&'static str, &'static str, &'static [&'static str]);

const STANDARD: [Standard; 5] = [
    ("/proc", "proc", &["nosuid", "noexec", "nodev"]),
    (
        "/dev",
        "tmpfs",
        &["nosuid", "strictatime", "mode=755", "size=65536k"],
    ),
    // The group `tty` is 5 wherever there is one (Debian's base-passwd, Fedora's setup).
    (
        "/dev/pts",
        "devpts",
        &[
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ],
    ),
    (
        "/dev/shm",
        "tmpfs",
        &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    ),
    ("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
];

/// The standard mounts, in order. `sysfs` shows the devices of the network namespace that it is mounted in.
pub(super) fn standard(
    privileged: bool,
    cgroup_namespace: bool,
) -> Result<Vec<Mount>, OciSpecError> {
    let access = if privileged { "rw" } else { "ro" };
    let system: &[(&str, &str, &[&str])] = &[
        ("/sys", "sysfs", &["nosuid", "noexec", "nodev", access]),
        (
            "/sys/fs/cgroup",
            "cgroup2",
            &["nosuid", "noexec", "nodev", access],
        ),
    ];
    let system = if cgroup_namespace {
        system
    } else {
        &system[..1]
    };
    let describe = |&(destination, kind, options): &(&str, &str, &[&str])| {
        MountBuilder::default()
            .destination(destination)
            .typ(kind)
            .source(kind)
            .options(
                options
                    .iter()
                    .map(|&option| option.to_owned())
                    .collect::<Vec<_>>(),
            )
            .build()
    };
    STANDARD
        .iter()
        .map(&describe)
        .chain(system.iter().map(describe))
        .collect()
}
