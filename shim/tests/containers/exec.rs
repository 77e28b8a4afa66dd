//! Commands in running containers.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use pinwire_shim::exec::{ExecError, ExecRequest, exec};
use pinwire_shim::workload::{User, Workload};
use pinwire_support::error::chain;
use pinwire_support::wait::eventually;

use super::confinement::status;
use super::node::Topology;
use super::part::{output, spawn};

super::tests![
    exit_statuses_are_returned,
    a_command_is_confined_like_its_container,
    a_command_gets_what_the_request_says,
    signals_are_passed_on,
    what_cannot_be_run_is_told,
];

fn exit_statuses_are_returned() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    for (script, expected) in [
        ("true", 0),
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
    ] {
        assert_eq!(
            exec(&topology.exec("c", started, script)).unwrap(),
            expected,
            "{script}"
        );
    }
    topology.finish(&[("c", started)]);
}

fn a_command_is_confined_like_its_container() {
    let mut topology = Topology::new();
    let leak = File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let started = topology.start("c", Workload::default()).unwrap();
    let script = "cat /proc/1/status; echo; echo -; cat /proc/self/status; ls /proc/$$/fd; unshare -U true 2>&1; cat /proc/1/cgroup; echo -; cat /proc/self/cgroup; ls -d /proc/[0-9]* | wc -l";
    let (code, text) = output(&topology, topology.exec("c", started, script), "");
    assert_eq!(code, 0, "{text}");
    let (init, own) = text.split_once("\n-\n").unwrap();
    for field in [
        "CapEff",
        "CapPrm",
        "CapBnd",
        "CapInh",
        "CapAmb",
        "Seccomp",
        "Seccomp_filters",
        "NoNewPrivs",
        "Groups",
    ] {
        assert_eq!(status(init, field), status(own, field), "{field}");
    }
    assert!(
        own.contains("\n0\n1\n2\n"),
        "no descriptor but the standard streams: {own}"
    );
    assert!(own.contains("Operation not permitted"), "{own}");
    let (init_group, own_group) = own.split_once("\n-\n").unwrap();
    let groups: Vec<_> = own_group
        .lines()
        .filter(|line| line.contains("/pinwire/") || *line == super::node::GROUP_NAMESPACE)
        .collect();
    assert!(
        !groups.is_empty() && groups.iter().all(|line| init_group.contains(line)),
        "{own}"
    );
    // init, its sleep if it forked, the shell and ls: none of the host's.
    assert!(
        own_group
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .parse::<u32>()
            .is_ok_and(|count| count <= 5),
        "{own}"
    );
    topology.finish(&[("c", started)]);
}

fn a_command_gets_what_the_request_says() {
    let mut topology = Topology::new();
    let started = topology
        .start(
            "c",
            Workload {
                env: vec![("A".into(), "1".into())],
                ..Workload::default()
            },
        )
        .unwrap();
    let mut request = topology.exec("c", started, "id -u; id -g; pwd; echo $A $B $HOME; cat");
    request.env = vec![("B".into(), "2".into())];
    request.working_dir = Some("/etc".into());
    request.user = Some("web".into());
    assert_eq!(
        output(&topology, request.clone(), "lost\n"),
        (0, "33\n34\n/etc\n1 2 /srv\n".into()),
        "without -i"
    );
    request.stdin = true;
    assert_eq!(
        output(&topology, request, "input\n"),
        (0, "33\n34\n/etc\n1 2 /srv\ninput\n".into()),
        "with -i"
    );
    topology.finish(&[("c", started)]);
    let mut topology = Topology::new();
    let user = User {
        uid: Some(33),
        ..User::default()
    };
    let started = topology
        .start(
            "c",
            Workload {
                user: Some(user),
                ..Workload::default()
            },
        )
        .unwrap();
    assert_eq!(
        output(
            &topology,
            topology.exec("c", started, "id -u; grep CapEff /proc/self/status"),
            ""
        )
        .1,
        "33\nCapEff:\t0000000000000000\n"
    );
    topology.finish(&[("c", started)]);
}

fn signals_are_passed_on() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    let request = topology.exec(
        "c",
        started,
        "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done",
    );
    let mut child = spawn(
        &topology,
        "c",
        request.clone(),
        [Stdio::null(), Stdio::piped(), Stdio::inherit()],
    );
    let mut stdout = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(
        (rest.as_str(), child.wait().unwrap().code()),
        ("caught\n", Some(9))
    );
    // Killed without warning, the caller takes the command with it.
    let mut child = spawn(
        &topology,
        "c",
        request,
        [Stdio::null(), Stdio::piped(), Stdio::inherit()],
    );
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut ready)
        .unwrap();
    let before = topology
        .cgroup
        .child("c")
        .unwrap()
        .processes()
        .unwrap()
        .len();
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the command ends", || {
        topology
            .cgroup
            .child("c")
            .unwrap()
            .processes()
            .unwrap()
            .len()
            <= before - 2
    });
    topology.finish(&[("c", started)]);
}

fn what_cannot_be_run_is_told() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    let request = topology.exec("c", started, "true");
    let change = |change: fn(&mut ExecRequest)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    for (name, request, expected) in [
        (
            "no command",
            change(|request| request.command.clear()),
            "there is no command",
        ),
        (
            "no such program",
            change(|request| request.command = vec!["nothing".into()]),
            "failed to execute `nothing`",
        ),
        (
            "no such directory",
            change(|request| request.working_dir = Some("/nowhere".into())),
            "failed to change to the directory /nowhere",
        ),
        (
            "no such user",
            change(|request| request.user = Some("nobody".into())),
            "the user `nobody`",
        ),
    ] {
        let error = exec(&request).expect_err(name);
        assert!(
            chain(&error).contains(expected),
            "{name}: {}",
            chain(&error)
        );
    }
    let other = pinwire_shim::process::Started {
        start_time: started.start_time + 1,
        ..started
    };
    assert!(matches!(
        exec(&ExecRequest {
            started: other,
            ..request
        }),
        Err(ExecError::NotRunning)
    ));
    topology.finish(&[("c", started)]);
}
