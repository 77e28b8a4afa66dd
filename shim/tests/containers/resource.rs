//! Limits, files and volumes of containers.

use std::fs;
use std::path::PathBuf;

use pinwire_shim::process::State;
use pinwire_shim::workload::{HostPath, Mount, MountSource, Resources, Workload};
use pinwire_support::error::chain;
use pinwire_support::wait::eventually;

use super::node::{Topology, at, shell};

super::tests![
    the_memory_limit_is_enforced_and_counted,
    cpu_and_process_limits_are_enforced,
    a_root_can_be_read_only,
    volumes_are_mounted_and_shared,
    layers_lie_upon_each_other,
    command_environment_and_directory_are_given,
];

fn the_memory_limit_is_enforced_and_counted() {
    let mut topology = Topology::new();
    let resources = Resources {
        memory_limit_bytes: Some(32 << 20),
        ..Resources::default()
    };
    let script = "dd if=/dev/zero of=/dev/null bs=4M count=1 2>/dev/null; echo small $?; dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo large $?; sleep 1000";
    let workload = Workload {
        command: Some(shell(script)),
        resources,
        ..Workload::default()
    };
    let started = topology.start("c", workload).unwrap();
    eventually("the large allocation", || {
        topology.log("c").contains("large")
    });
    assert_eq!(topology.log("c"), "small 0\nlarge 137\n");
    let usage = topology.cgroup.child("c").unwrap().usage();
    assert!(usage.oom_kills.unwrap() >= 1, "{usage:?}");
    assert!(usage.memory_bytes.unwrap() <= 32 << 20, "{usage:?}");
    topology.finish(&[("c", started)]);
}

fn cpu_and_process_limits_are_enforced() {
    let mut topology = Topology::new();
    let resources = Resources {
        cpu_limit_millis: Some(50),
        pids_limit: Some(4),
        ..Resources::default()
    };
    let script = "for i in 1 2 3 4 5 6; do sleep 1000 & done; wait";
    let workload = Workload {
        command: Some(shell(script)),
        resources: resources.clone(),
        ..Workload::default()
    };
    let fork = topology.start("fork", workload).unwrap();
    eventually("the limit of processes", || {
        topology.log("fork").contains("can't fork")
    });
    assert!(topology.cgroup.child("fork").unwrap().usage().pids.unwrap() <= 4);
    let workload = Workload {
        command: Some(shell("while :; do :; done")),
        resources,
        ..Workload::default()
    };
    let busy = topology.start("busy", workload).unwrap();
    let group = topology.cgroup.child("busy").unwrap();
    eventually("the processor is throttled", || {
        group.usage().throttled_periods.unwrap() > 2
    });
    assert!(group.usage().cpu_microseconds.unwrap() > 0);
    topology.finish(&[("fork", fork), ("busy", busy)]);
}

fn a_root_can_be_read_only() {
    let mut topology = Topology::new();
    let volume = Mount {
        destination: "/data".into(),
        read_only: false,
        source: MountSource::Empty {
            volume: "data".into(),
            memory: false,
        },
    };
    let workload = Workload {
        read_only_root: true,
        mounts: vec![volume],
        ..Workload::default()
    };
    let output = topology.output(
        "ro",
        "touch /x || echo refused; touch /data/x && cat /etc/hostname",
        workload,
    );
    assert!(output.ends_with("refused\nhost-ro\n"), "{output}");
    let output = topology.output("rw", "touch /x && echo written", Workload::default());
    assert_eq!(output, "written\n");
    assert!(
        !at(&topology, "layer/x").exists(),
        "the layer is not written to"
    );
    topology.finish(&[]);
}

fn volumes_are_mounted_and_shared() {
    let mut topology = Topology::new();
    let host = at(&topology, "host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("file"), "of the host\n").unwrap();
    let host_mount = |destination: &str, read_only| Mount {
        destination: destination.into(),
        read_only,
        source: MountSource::Host {
            path: host.clone(),
            kind: HostPath::Directory,
        },
    };
    let empty = |destination: &str, memory| Mount {
        destination: destination.into(),
        read_only: false,
        source: MountSource::Empty {
            volume: format!("v-{memory}"),
            memory,
        },
    };
    let mounts = vec![
        host_mount("/a/b", false),
        host_mount("/ro", true),
        empty("/e", false),
        empty("/m", true),
    ];
    let workload = Workload {
        mounts,
        ..Workload::default()
    };
    let script = "cat /ro/file; touch /ro/x || echo refused; echo in > /a/b/new; echo shared > /e/s; echo memory > /m/s";
    let output = topology.output("one", script, workload.clone());
    assert!(
        output.starts_with("of the host\n") && output.ends_with("refused\n"),
        "{output}"
    );
    assert_eq!(fs::read_to_string(host.join("new")).unwrap(), "in\n");
    assert_eq!(
        topology.output("two", "cat /e/s /m/s", workload),
        "shared\nmemory\n"
    );
    let missing = Mount {
        source: MountSource::Host {
            path: host.join("absent"),
            kind: HostPath::Directory,
        },
        ..host_mount("/x", true)
    };
    let error = topology
        .start(
            "three",
            Workload {
                mounts: vec![missing],
                ..Workload::default()
            },
        )
        .unwrap_err();
    assert!(
        chain(&error).contains("host/absent of the host for the mount at /x"),
        "{}",
        chain(&error)
    );
    topology.finish(&[]);
}

fn layers_lie_upon_each_other() {
    let mut topology = Topology::new();
    let mut request = topology.request("c", Workload::default());
    // More layers than their paths would fit into the options of a mount, with characters that would end them.
    let layer = |number: usize| at(&topology, &format!("layers,{}:{number}", "x".repeat(100)));
    let layers: Vec<PathBuf> = (0..100).map(layer).collect();
    for (number, layer) in layers.iter().enumerate() {
        fs::create_dir(layer).unwrap();
        fs::write(layer.join("top"), format!("{number}\n")).unwrap();
        fs::write(layer.join(format!("file{number}")), "").unwrap();
    }
    request.layers.extend(layers);
    request.workload.command = Some(shell("cat /top; ls / | grep -c file"));
    let started = topology
        .zygote()
        .start(&request)
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    eventually("the script", || started.state() != State::Running);
    assert_eq!(topology.log("c"), "99\n100\n");
    topology.finish(&[]);
}

fn command_environment_and_directory_are_given() {
    let mut topology = Topology::new();
    let mut request = topology.request("c", Workload::default());
    request.image.env = vec!["PATH=/bin".into(), "FROM=image".into()];
    request.image.entrypoint = vec!["sh".into(), "-c".into()];
    request.workload.args = Some(vec![
        "pwd; echo $FROM $TO $1; env | sort | tr '\\n' ' '".into(),
        "sh".into(),
        "$(TO)".into(),
    ]);
    request.workload.env = vec![("TO".into(), "pod".into())];
    request.workload.working_dir = Some("/made/on/demand".into());
    let started = topology
        .zygote()
        .start(&request)
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    eventually("the script", || started.state() != State::Running);
    let output = topology.log("c");
    assert!(
        output.starts_with("/made/on/demand\nimage pod pod\n"),
        "{output}"
    );
    assert!(
        output.contains("FROM=image HOME=/root HOSTNAME=host-c PATH=/bin "),
        "{output}"
    );
    topology.finish(&[]);
}
