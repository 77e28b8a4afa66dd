//! How containers come and go, above all when something goes wrong.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pinwire_shim::process::State;
use pinwire_shim::stop::stop;
use pinwire_shim::workload::{HostPath, Mount, MountSource, Workload};
use pinwire_shim::zygote::{StartRequest, Zygote, ZygoteError};
use rustix::process::{Pid, Signal, kill_process};

use super::node::{Topology, at, chain, shell, wait_until};

super::tests![
    a_failed_start_leaves_nothing,
    zygotes_killed_at_any_moment_leave_nothing,
    zygotes_work_side_by_side,
    version_1_of_control_groups_suffices,
    version_2_of_control_groups_suffices,
    a_zygote_is_not_forked_from_threads,
    the_caller_is_left_as_it_was,
    containers_are_asked_to_end_before_they_are_killed,
    another_process_with_the_pid_is_spared,
];

fn a_failed_start_leaves_nothing() {
    let mut topology = Topology::new();
    let pid = topology.zygote().pid();
    let mounts = || fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let before = mounts();
    let request = topology.request("c", Workload::default());
    let change = |change: fn(&mut StartRequest)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    for (name, request, expected) in [
        (
            "no such program",
            change(|request| request.workload.command = Some(vec!["nothing".into()])),
            "failed to execute `nothing` in the container (execve): No such file",
        ),
        (
            "no program",
            change(|request| request.workload.command = Some(vec!["/etc/passwd".into()])),
            "Permission denied",
        ),
        (
            "no such user",
            change(|request| request.image.user = "nobody".into()),
            "the user `nobody` is not in /etc/passwd",
        ),
        (
            "no such layer",
            change(|request| request.layers.push("/nowhere".into())),
            "failed to open the layer /nowhere",
        ),
        (
            "no layer",
            change(|request| request.layers.clear()),
            "the image has no layers",
        ),
        (
            "a bad id",
            change(|request| request.id = "a/b".into()),
            "`a/b` cannot be the id",
        ),
        (
            "a file as mount point",
            change(|request| request.workload.working_dir = Some("/etc/passwd/x".into())),
            "failed to open /etc/passwd/x",
        ),
        (
            "a volume over a file",
            change(|request| {
                request.workload.mounts.push(Mount {
                    destination: "/etc/passwd/x".into(),
                    read_only: true,
                    source: MountSource::Host {
                        path: "/etc".into(),
                        kind: HostPath::Directory,
                    },
                });
            }),
            "destination: \"/etc/passwd/x\"",
        ),
        (
            "no network namespace",
            change(|request| request.network = "/nowhere".into()),
            "failed to open the network namespace /nowhere",
        ),
        (
            "not a namespace",
            change(|request| request.network = "/etc/hostname".into()),
            "failed to create the container",
        ),
    ] {
        let error = topology.zygote().start(&request).expect_err(name);
        assert!(
            chain(&error).contains(expected),
            "{name}: {}",
            chain(&error)
        );
        for path in [&request.directory, &request.writable] {
            assert!(!path.exists(), "{name}: {}", path.display());
        }
        assert_eq!(topology.cgroup.children().unwrap(), ["zygote@0"], "{name}");
        assert_eq!(topology.cgroup.processes().unwrap(), [pid], "{name}");
    }
    assert_eq!(mounts(), before);
    // And the zygote still works.
    assert_eq!(
        topology.output("c", "echo alive", Workload::default()),
        "alive\n"
    );
    topology.finish(&[]);
}

fn zygotes_killed_at_any_moment_leave_nothing() {
    let mut topology = Topology::new();
    drop(topology.take_zygote());
    let mut interrupted = 0;
    for round in 0..40u64 {
        let mut zygote = Zygote::fork(&topology.cgroup, 1).unwrap();
        let pid = Pid::from_raw(zygote.pid()).unwrap();
        let requests: Vec<_> = (0..8)
            .map(|id| topology.request(&format!("c{id}"), Workload::default()))
            .collect();
        let result = std::thread::scope(|scope| {
            let starter = scope.spawn(|| {
                requests
                    .iter()
                    .try_for_each(|request| zygote.start(request).map(drop))
            });
            // Spread over the time that eight containers take, whatever the machine.
            std::thread::sleep(Duration::from_micros(500 + round * 900));
            kill_process(pid, Signal::KILL).unwrap();
            starter.join().unwrap()
        });
        interrupted += usize::from(matches!(
            result,
            Err(ZygoteError::Ended | ZygoteError::Send(_) | ZygoteError::Receive(_))
        ));
        drop(zygote);
        topology.assert_nothing_left();
        for name in ["containers", "writable"] {
            let _ = fs::remove_dir_all(at(&topology, name));
        }
    }
    assert!(
        interrupted > 10,
        "{interrupted} of 40 rounds were interrupted"
    );
    topology.finish(&[]);
}

/// What shows that a container is in its group, has its devices limited and leaves nothing.
fn live_in_group(expected: &str) {
    let mut topology = Topology::new();
    let script = "cat /proc/self/cgroup; mknod /dev/disk b 254 0; head -c1 /dev/disk || echo no disk; ls /sys/fs/cgroup";
    let output = topology.output("c", script, Workload::default());
    assert!(
        output.lines().any(|line| line.ends_with(expected)),
        "{output}"
    );
    assert!(output.contains("no disk"), "{output}");
    let started = topology.start("d", Workload::default()).unwrap();
    assert_eq!(
        pinwire_shim::exec::exec(&topology.exec("d", started, "exit 7")).unwrap(),
        7
    );
    let pids = topology.cgroup.child("d").unwrap().processes().unwrap();
    assert_eq!(pids, [started.pid]);
    // Not stopped but killed with its group, as after a command that was killed.
    topology.cgroup.kill(Duration::from_secs(5)).unwrap();
    assert_ne!(started.state(), State::Running);
    topology.finish(&[]);
}

fn version_1_of_control_groups_suffices() {
    if super::node::hide_hierarchies("cgroup2") {
        live_in_group("/c");
    }
}

fn version_2_of_control_groups_suffices() {
    if super::node::hide_hierarchies("cgroup") {
        // The root of a control group namespace of its own.
        live_in_group("0::/");
    }
}

fn zygotes_work_side_by_side() {
    let mut topology = Topology::new();
    let first = topology.take_zygote();
    let second = Zygote::fork(&topology.cgroup, 1).unwrap();
    let start = |mut zygote: Zygote, prefix: &str| {
        let request = |id| topology.request(&format!("{prefix}{id}"), Workload::default());
        (0..10)
            .map(|id| (format!("{prefix}{id}"), zygote.start(&request(id)).unwrap()))
            .collect::<Vec<_>>()
    };
    let started = std::thread::scope(|scope| {
        let threads = [
            scope.spawn(|| start(first, "a")),
            scope.spawn(|| start(second, "b")),
        ];
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    let pids: std::collections::HashSet<_> =
        started.iter().map(|(_, started)| started.pid).collect();
    assert_eq!(pids.len(), 20);
    assert!(
        started
            .iter()
            .all(|(_, started)| started.state() == State::Running)
    );
    let containers: Vec<_> = started
        .iter()
        .map(|(id, started)| (id.as_str(), *started))
        .collect();
    topology.finish(&containers);
}

fn a_zygote_is_not_forked_from_threads() {
    let topology = Topology::new();
    let error = std::thread::scope(|scope| {
        scope
            .spawn(|| Zygote::fork(&topology.cgroup, 1))
            .join()
            .unwrap()
    })
    .unwrap_err();
    assert!(
        chain(&error).contains("more than one thread"),
        "{}",
        chain(&error)
    );
    topology.finish(&[]);
}

fn the_caller_is_left_as_it_was() {
    fs::write("/proc/self/oom_score_adj", "17").unwrap();
    let own = || {
        let read = |name: &str| fs::read_to_string(Path::new("/proc/self").join(name)).unwrap();
        let cgroup = read("cgroup");
        (
            read("oom_score_adj"),
            cgroup,
            std::env::current_dir().unwrap(),
            rustix::process::dumpable_behavior().unwrap(),
        )
    };
    let before = own();
    let mut topology = Topology::new();
    let output = topology.output(
        "c",
        "cat /proc/self/oom_score_adj /proc/self/cgroup",
        Workload::default(),
    );
    assert_eq!(own(), before);
    assert!(output.starts_with("17\n"), "{output}");
    let group = format!(
        "/pinwire/{}/c",
        at(&topology, "").file_name().unwrap().to_str().unwrap()
    );
    assert!(
        output.lines().any(|line| line.ends_with(&group)),
        "{output}"
    );
    topology.finish(&[]);
}

fn containers_are_asked_to_end_before_they_are_killed() {
    let mut topology = Topology::new();
    let polite = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut targets = Vec::new();
    for (id, script) in [
        ("polite", polite),
        ("deaf", "trap '' TERM; echo ready; sleep 1000"),
        ("deaf2", "trap '' TERM; echo ready; sleep 1000"),
    ] {
        let started = topology
            .start(
                id,
                Workload {
                    command: Some(shell(script)),
                    ..Workload::default()
                },
            )
            .unwrap();
        wait_until(id, || topology.log(id).contains("ready"));
        targets.push(topology.target(id, Some(started)));
    }
    targets.push(topology.target("never", None));
    let begin = Instant::now();
    let errors = stop(&targets, Duration::from_millis(700));
    let took = begin.elapsed();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(topology.log("polite"), "ready\nbye\n");
    assert!(
        took >= Duration::from_millis(700) && took < Duration::from_millis(1400),
        "one grace for all: {took:?}"
    );
    for target in &targets {
        assert!(!target.cgroup.exists());
        assert!(target.directories.iter().all(|path| !path.exists()));
    }
    // Once more: it is done already.
    assert!(stop(&targets, Duration::from_secs(5)).is_empty());
    topology.finish(&[]);
}

fn another_process_with_the_pid_is_spared() {
    let topology = Topology::new();
    let mut bystander = std::process::Command::new("/bin/sleep")
        .arg("1000")
        .spawn()
        .unwrap();
    let mut other =
        pinwire_shim::process::Started::of(i32::try_from(bystander.id()).unwrap()).unwrap();
    other.start_time -= 1;
    assert!(stop(&[topology.target("c", Some(other))], Duration::from_secs(5)).is_empty());
    assert!(bystander.try_wait().unwrap().is_none(), "it was killed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    topology.finish(&[]);
}
