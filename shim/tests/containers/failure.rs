//! What is left when a start fails, or when whoever starts containers is killed: nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use pinwire_shim::cgroup::Cgroup;
use pinwire_shim::workload::{HostPath, Mount, MountSource, Workload};
use pinwire_shim::zygote::{StartRequest, Zygote, ZygoteError};
use pinwire_support::error::chain;
use pinwire_support::wait::eventually;
use rustix::process::{Pid, Signal, WaitOptions, kill_process};

use super::node::{Topology, at};

super::tests![
    a_failed_start_leaves_nothing,
    zygotes_killed_at_any_moment_leave_nothing,
    commands_killed_at_any_moment_leave_nothing,
];

/// A test's name that another process of a test plays: a command that starts containers until it is killed.
pub(crate) const COMMAND: &str = "command";

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

/// Says what its topology is and starts containers for ever.
pub(crate) fn play() -> ExitCode {
    let mut topology = Topology::new();
    println!("{}", topology.directory.path().display());
    for id in 0.. {
        topology
            .start(&format!("c{id}"), Workload::default())
            .unwrap();
    }
    ExitCode::FAILURE
}

fn commands_killed_at_any_moment_leave_nothing() {
    for round in 0..15u64 {
        let mut command = Command::new("/proc/self/exe")
            .env(super::TEST, COMMAND)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(command.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let directory = std::path::PathBuf::from(line.trim());
        std::thread::sleep(Duration::from_micros(700 + round * 1300));
        command.kill().unwrap();
        command.wait().unwrap();
        // What whoever comes next does, who knows the topology's name alone.
        let name = directory.file_name().unwrap().to_str().unwrap();
        let group = Cgroup::topology(name).unwrap();
        group.kill(Duration::from_secs(5)).unwrap();
        group.remove().unwrap();
        fs::remove_dir_all(&directory).unwrap();
        eventually("all processes have ended, the zygote among them", || {
            matches!(
                rustix::process::wait(WaitOptions::NOHANG),
                Err(rustix::io::Errno::CHILD)
            )
        });
        assert!(!group.exists());
    }
}
