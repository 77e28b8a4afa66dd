//! Commands in running containers.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};

use pinwire_shim::exec::{ExecError, ExecRequest, exec};
use pinwire_shim::workload::{User, Workload};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde::{Deserialize, Serialize};

use super::confinement::status;
use super::node::{Topology, chain, wait_until};

super::tests![
    exit_statuses_are_returned,
    a_command_is_confined_like_its_container,
    a_command_gets_what_the_request_says,
    a_command_gets_a_terminal,
    a_terminal_of_ones_own_is_made_raw_and_restored,
    signals_are_passed_on,
    what_cannot_be_run_is_told,
];

/// A test's name with this prefix is a request that another process of a test plays.
pub(crate) const PART: &str = "exec:";

/// A request as it goes to the process that carries it out.
#[derive(Serialize, Deserialize)]
struct Part {
    topology: String,
    id: String,
    started: pinwire_shim::process::Started,
    directory: std::path::PathBuf,
    command: Vec<String>,
    env: Vec<(String, String)>,
    working_dir: Option<String>,
    user: Option<String>,
    terminal: bool,
    stdin: bool,
}

/// Carries a request out with this process's standard streams; what a real command does.
pub(crate) fn play(part: &str) -> ExitCode {
    let part: Part = serde_json::from_str(part).unwrap();
    let cgroup = pinwire_shim::cgroup::Cgroup::topology(&part.topology)
        .unwrap()
        .child(&part.id)
        .unwrap();
    let Part {
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
        ..
    } = part;
    let request = ExecRequest {
        started,
        directory,
        cgroup,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
    };
    match exec(&request) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap()),
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::from(200)
        }
    }
}

fn spawn(topology: &Topology, id: &str, request: ExecRequest, streams: [Stdio; 3]) -> Child {
    let ExecRequest {
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
        ..
    } = request;
    let name = topology
        .directory
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    let (topology, id) = (name.to_owned(), id.to_owned());
    let part = Part {
        topology,
        id,
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
    };
    let [stdin, stdout, stderr] = streams;
    Command::new("/proc/self/exe")
        .env(
            super::TEST,
            format!("{PART}{}", serde_json::to_string(&part).unwrap()),
        )
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

fn output(topology: &Topology, request: ExecRequest, input: &str) -> (i32, String) {
    let mut child = spawn(
        topology,
        "c",
        request,
        [Stdio::piped(), Stdio::piped(), Stdio::piped()],
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

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
        .filter(|line| line.contains("/pinwire/"))
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

fn a_command_gets_a_terminal() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    let mut request = topology.exec("c", started, "tty; read line; echo got $line; exit 5");
    request.terminal = true;
    request.stdin = true;
    let (code, text) = output(&topology, request, "typed\n");
    assert_eq!(code, 5, "{text}");
    // The terminal echoes what is typed and ends lines with a carriage return.
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert!(
        lines.contains(&"typed") && lines.last() == Some(&"got typed"),
        "{text:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("/dev/pts/")),
        "{text:?}"
    );
    topology.finish(&[("c", started)]);
}

fn a_terminal_of_ones_own_is_made_raw_and_restored() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = rustix::pty::openpt(flags).unwrap();
    rustix::pty::unlockpt(&near).unwrap();
    let far = rustix::pty::ioctl_tiocgptpeer(&near, flags).unwrap();
    let size = |rows, columns| Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&near, size(33, 77)).unwrap();
    let mut request = topology.exec(
        "c",
        started,
        "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done",
    );
    (request.terminal, request.stdin) = (true, true);
    let stream = || Stdio::from(far.try_clone().unwrap());
    let mut child = spawn(
        &topology,
        "c",
        request,
        [stream(), stream(), Stdio::inherit()],
    );
    let mut text = String::new();
    read_until(&near, &mut text, "ready");
    assert!(text.starts_with("33 77\r\n"), "{text:?}");
    assert!(
        !tcgetattr(&far)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO),
        "raw while it runs"
    );
    tcsetwinsize(&near, size(44, 88)).unwrap();
    // No process has this terminal as its controlling one, so that the kernel sends no signal.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::WINCH).unwrap();
    read_until(&near, &mut text, "44 88");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        tcgetattr(&far)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO),
        "as before afterwards"
    );
    topology.finish(&[("c", started)]);
}

fn read_until(terminal: &OwnedFd, text: &mut String, end: &str) {
    let mut file = File::from(terminal.as_fd().try_clone_to_owned().unwrap());
    wait_until(end, || {
        let mut buffer = [0; 1024];
        let count = file.read(&mut buffer).unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        text.contains(end)
    });
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
    wait_until("the command ends", || {
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
