//! How containers come and go, above all when something goes wrong.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pinwire_shim::process::State;
use pinwire_shim::stop::{Target, stop};
use pinwire_shim::workload::Workload;
use pinwire_shim::zygote::Zygote;
use pinwire_support::error::chain;
use pinwire_support::wait::eventually;

use super::node::{GROUP_NAMESPACE, HIERARCHY, Topology, at, leave_hierarchies, shell};

super::tests![
    an_id_is_taken_until_its_container_is_removed,
    zygotes_work_side_by_side,
    version_1_of_control_groups_suffices,
    version_2_of_control_groups_suffices,
    a_zygote_is_not_forked_from_threads,
    the_caller_is_left_as_it_was,
    containers_are_asked_to_end_before_they_are_killed,
    another_process_with_the_pid_is_spared,
];

fn an_id_is_taken_until_its_container_is_removed() {
    let mut topology = Topology::new();
    let write = Workload {
        command: Some(shell("echo once >> /file; cat /file; sleep 1000")),
        ..Workload::default()
    };
    let started = topology.start("c", write.clone()).unwrap();
    eventually("it writes", || topology.log("c") == "once\n");
    let error = topology.start("c", write.clone()).unwrap_err();
    assert!(
        chain(&error).contains("there is a container `c` already"),
        "{}",
        chain(&error)
    );
    assert_eq!(started.state(), State::Running);
    // Removed but for what it wrote, it starts again where it ended.
    let target = topology.target("c", Some(started));
    let kept = Target {
        directories: vec![target.directories[0].clone()],
        ..target
    };
    assert!(stop(&[kept], Duration::ZERO).is_empty());
    let again = topology.start("c", write).unwrap();
    eventually("it writes again", || {
        topology.log("c") == "once\nonce\nonce\n"
    });
    topology.finish(&[("c", again)]);
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
    leave_hierarchies("cgroup");
    live_in_group("/c");
    // Where it was mounted for this: with a group in it, it would outlive its mount.
    let _ = fs::remove_dir(Path::new(HIERARCHY).join("pinwire"));
}

fn version_2_of_control_groups_suffices() {
    leave_hierarchies("cgroup2");
    live_in_group(GROUP_NAMESPACE);
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
        output
            .lines()
            .any(|line| line.ends_with(&group) || line == GROUP_NAMESPACE),
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
        eventually(id, || topology.log(id).contains("ready"));
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
