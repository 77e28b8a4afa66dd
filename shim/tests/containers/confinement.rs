//! What a container can and cannot do, and what it sees.

use std::fs;
use std::os::fd::AsRawFd;

use pinwire_shim::workload::{User, Workload};
use pinwire_support::error::chain;
use pinwire_support::wait::eventually;

use super::node::{Topology, shell};

super::tests![
    capabilities_and_system_calls_are_limited,
    added_and_dropped_capabilities_count,
    a_privileged_container_is_not_limited,
    a_device_that_is_given_can_be_opened_and_no_other,
    memory_can_be_locked_where_that_is_asked_for,
    namespaces_are_its_own,
    no_descriptor_is_inherited,
    kernel_interfaces_are_hidden,
    a_user_runs_without_capabilities,
    signals_have_their_default_actions,
];

/// The value of a line of `/proc/PID/status` in the container's output.
pub(crate) fn status(output: &str, field: &str) -> String {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {output}"))
        .trim()
        .to_owned()
}

/// The 14 capabilities of Docker's default.
pub(crate) const DEFAULT: &str = "00000000a80425fb";

/// Nobody may make device nodes where opening them cannot be limited: by the controller of version 1, or by the program
/// that a kernel with BPF for control groups asks.
fn expected_default(topology: &Topology) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let has_controller = mounts
        .lines()
        .any(|line| line.contains(" - cgroup ") && line.ends_with("devices"));
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let has_program =
        mounts.contains(" - cgroup2 ") && symbols.contains(" __cgroup_bpf_check_dev_permission\n");
    assert!(topology.cgroup.exists());
    if has_controller || has_program {
        DEFAULT.into()
    } else {
        "00000000a00425fb".into()
    }
}

fn capabilities_and_system_calls_are_limited() {
    let mut topology = Topology::new();
    let script = "cat /proc/self/status; unshare -U true; echo unshare: $?; mount -t tmpfs t /mnt; echo mount: $?";
    let output = topology.output("c", script, Workload::default());
    let expected = expected_default(&topology);
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(status(&output, set), expected, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(status(&output, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(&output, "Seccomp"), "2");
    assert_eq!(status(&output, "Seccomp_filters"), "1");
    assert_eq!(status(&output, "NoNewPrivs"), "0");
    // No capability is asked for a user namespace: only the filter refuses it.
    assert!(output.contains("unshare: 1"), "{output}");
    assert!(output.contains("Operation not permitted"), "{output}");
    assert!(!output.contains("mount: 0"), "{output}");
    topology.finish(&[]);
}

fn added_and_dropped_capabilities_count() {
    let mut topology = Topology::new();
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let workload = Workload {
        add_capabilities: list(&["NET_ADMIN"]),
        drop_capabilities: list(&["ALL"]),
        ..Workload::default()
    };
    let output = topology.output("one", "cat /proc/self/status", workload);
    assert_eq!(status(&output, "CapBnd"), "0000000000001000");
    assert_eq!(status(&output, "CapEff"), "0000000000001000");
    let workload = Workload {
        no_new_privileges: true,
        ..Workload::default()
    };
    let output = topology.output("two", "cat /proc/self/status", workload);
    assert_eq!(
        (status(&output, "NoNewPrivs"), status(&output, "Seccomp")),
        ("1".into(), "2".into())
    );
    let unknown = Workload {
        add_capabilities: list(&["NET_ADMIM"]),
        ..Workload::default()
    };
    let error = topology.start("three", unknown).unwrap_err();
    assert!(
        chain(&error).contains("`NET_ADMIM` is not a capability"),
        "{error:?}"
    );
    topology.finish(&[]);
}

fn a_privileged_container_is_not_limited() {
    let mut topology = Topology::new();
    let script = "cat /proc/self/status; unshare -U true; echo unshare: $?; stat -c '%t:%T' /dev/kmsg; touch /sys/x; echo 5 > /proc/sys/vm/stat_interval; cat /proc/sys/vm/stat_interval";
    let before = fs::read_to_string("/proc/sys/vm/stat_interval").unwrap();
    let output = topology.output(
        "c",
        script,
        Workload {
            privileged: true,
            ..Workload::default()
        },
    );
    fs::write("/proc/sys/vm/stat_interval", before).unwrap();
    let own = fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(status(&output, "CapEff"), status(&own, "CapEff"));
    assert_eq!(status(&output, "Seccomp"), "0");
    assert!(output.contains("unshare: 0"), "{output}");
    assert!(output.contains("1:b\n"), "/dev/kmsg is there: {output}");
    assert!(output.ends_with("5\n"), "{output}");
    topology.finish(&[]);
}

fn namespaces_are_its_own() {
    let mut topology = Topology::new();
    let script = "echo pid $$$$; for n in mnt pid ipc uts net; do echo $n $(readlink /proc/self/ns/$n); done; hostname; cat /etc/hostname /etc/hosts";
    let output = topology.output("c", script, Workload::default());
    assert!(output.starts_with("pid 1\n"), "{output}");
    for (name, shared) in [
        ("mnt", false),
        ("pid", false),
        ("ipc", false),
        ("uts", false),
        ("net", true),
    ] {
        let own = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        let line = format!("{name} {}\n", own.display());
        assert_eq!(output.contains(&line), shared, "{name}: {output}");
    }
    assert!(output.contains("host-c\nhost-c\n"), "{output}");
    assert!(
        output.contains("127.0.1.1\thost-c\n10.0.0.2\tneighbour\n"),
        "{output}"
    );
    topology.finish(&[]);
}

fn no_descriptor_is_inherited() {
    // One that no one marked to be closed, open before the zygote is forked.
    let leak = fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    assert!(leak.as_raw_fd() >= 3);
    let mut topology = Topology::new();
    let output = topology.output(
        "c",
        "ls /proc/1/fd; readlink /proc/1/fd/0; readlink /proc/1/fd/1",
        Workload::default(),
    );
    assert!(
        output.starts_with("0\n1\n2\n/dev/null\n") && output.ends_with("c.log\n"),
        "{output}"
    );
    topology.finish(&[]);
}

fn kernel_interfaces_are_hidden() {
    let mut topology = Topology::new();
    let script = "cat /proc/interrupts | wc -c; cat /proc/keys | wc -c; ls /sys/firmware | wc -l; cat /proc/kcore 2>/dev/null | wc -c; echo 1 > /proc/sys/net/ipv4/ip_forward || echo ro; mkdir /sys/x || echo ro; ls /dev | sort | tr '\\n' ' '; mknod /dev/disk b 254 0 && head -c1 /dev/disk || echo no disk";
    let output = topology.output("c", script, Workload::default());
    assert!(output.starts_with("0\n0\n0\n0\n"), "{output}");
    assert_eq!(output.matches("\nro\n").count(), 2, "{output}");
    // A link to /proc/kcore, empty as seen above, where the kernel has that.
    assert!(
        output.replace("full kcore mqueue", "full mqueue").contains(
            "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
        ),
        "{output}"
    );
    assert!(output.ends_with("no disk\n"), "{output}");
    topology.finish(&[]);
}

fn a_user_runs_without_capabilities() {
    let mut topology = Topology::new();
    let user = User {
        uid: Some(33),
        gid: None,
        additional_gids: vec![7],
    };
    let workload = Workload {
        user: Some(user),
        ..Workload::default()
    };
    let output = topology.output(
        "c",
        "id -u; id -g; echo $HOME; cat /proc/self/status",
        workload,
    );
    assert!(output.starts_with("33\n34\n/srv\n"), "{output}");
    assert_eq!(status(&output, "Groups"), "4 7");
    assert_eq!(status(&output, "CapEff"), "0000000000000000");
    assert_eq!(status(&output, "CapPrm"), "0000000000000000");
    assert_eq!(status(&output, "CapBnd"), expected_default(&topology));
    assert_eq!(status(&output, "Seccomp"), "2");
    topology.finish(&[]);
}

fn signals_have_their_default_actions() {
    let mut topology = Topology::new();
    // Without a shell, which would change its own.
    let mut request = topology.request("c", Workload::default());
    request.workload.command = Some(
        ["/bin/cat", "/proc/self/status"]
            .map(str::to_owned)
            .to_vec(),
    );
    let started = topology.zygote().start(&request).unwrap();
    eventually("cat ends", || {
        started.state() != pinwire_shim::process::State::Running
    });
    let output = topology.log("c");
    assert_eq!(status(&output, "SigIgn"), "0000000000000000");
    assert_eq!(status(&output, "SigBlk"), "0000000000000000");
    let script = "yes | head -1 >/dev/null; echo done";
    assert_eq!(
        topology.output(
            "d",
            script,
            Workload {
                command: Some(shell(script)),
                ..Workload::default()
            }
        ),
        "done\n"
    );
    topology.finish(&[]);
}

/// The kernel's log, also by another node, and a device that nobody has given.
fn a_device_that_is_given_can_be_opened_and_no_other() {
    let mut topology = Topology::new();
    let open = "mknod /dev/zoom c 10 144; mknod /dev/log c 1 11; for path in /dev/kmsg /dev/log /dev/zoom; do \
                [ -c $path ] && (: > $path) && echo $path; done";
    let given = Workload {
        devices: vec!["/dev/kmsg".into()],
        ..Workload::default()
    };
    let output = topology.output("given", open, given);
    let limited = expected_default(&topology) == DEFAULT;
    assert!(output.contains("/dev/kmsg\n"), "{output}");
    assert!(!output.contains("\n/dev/zoom\n"), "{output}");
    assert_eq!(output.contains("\n/dev/log\n"), limited, "{output}");
    let output = topology.output("other", open, Workload::default());
    assert!(!output.contains("\n/dev/log\n"), "{output}");
    let missing = Workload {
        devices: vec!["/dev/none".into()],
        ..Workload::default()
    };
    let error = topology.start("missing", missing).unwrap_err();
    let error = chain(&error);
    assert!(
        error.contains("the device /dev/none of the host (stat)"),
        "{error}"
    );
    topology.finish(&[]);
}

fn memory_can_be_locked_where_that_is_asked_for() {
    let mut topology = Topology::new();
    let script = "ulimit -H -l; ulimit -S -l; cat /proc/self/status; sleep 1000";
    let workload = |locks_memory| Workload {
        command: Some(shell(script)),
        locks_memory,
        ..Workload::default()
    };
    // Only whoever has this one can raise a limit.
    let own = status(&fs::read_to_string("/proc/self/status").unwrap(), "CapEff");
    let started = topology.start("c", workload(true));
    if u64::from_str_radix(&own, 16).unwrap() >> 24 & 1 == 0 {
        let error = chain(&started.unwrap_err());
        assert!(
            error.contains("takes the capability SYS_RESOURCE"),
            "{error}"
        );
        return topology.finish(&[]);
    }
    let started = started.unwrap();
    eventually("the limits are printed", || {
        topology.log("c").contains("Seccomp")
    });
    let output = topology.log("c");
    assert!(output.starts_with("unlimited\nunlimited\n"), "{output}");
    // What it takes to raise the limit is not kept.
    assert_eq!(status(&output, "CapBnd"), expected_default(&topology));
    let request = topology.exec("c", started, "ulimit -H -l");
    let (code, output) = super::part::output(&topology, request, "");
    assert_eq!((code, output.as_str()), (0, "unlimited\n"));
    topology.finish(&[("c", started)]);
}
