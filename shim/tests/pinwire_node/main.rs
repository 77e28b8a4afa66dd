//! The node's program as its users see it: exit codes, signals and output. Tests that need a PID or network namespace run
//! below unshare(1), and so need root.

mod network;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pinwire_support::skip::is_root;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pinwire-node");

fn node(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .output()
        .expect("run pinwire-node")
}

fn code(arguments: &[&str]) -> Option<i32> {
    node(arguments).status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a script as a child of init, which is process 1 of a PID namespace of its own, in a network namespace with a
/// loopback interface.
fn in_namespaces(script: &str) -> Output {
    let script = script.replace("NODE", PROGRAM);
    let script = format!("ip link set lo up && exec {PROGRAM} init -- sh -c '{script}'");
    let unshare = [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--net",
        "sh",
        "-c",
        &script,
    ];
    Command::new("unshare")
        .args(unshare)
        .output()
        .expect("run unshare")
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("kill");
}

/// Whether a process is our program and has blocked its signals: before that, process 1 of a namespace gets none.
fn is_ready(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let blocked = status
        .lines()
        .find_map(|line| line.strip_prefix("SigBlk:\t"));
    program.is_ok_and(|program| program == Path::new(PROGRAM))
        && blocked.is_some_and(|mask| mask.contains('f'))
}

/// The status of a child that must end soon.
fn ended(mut child: Child) -> std::process::ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn init_tells_its_commands_exit() {
    assert_eq!(code(&["init", "--", "sh", "-c", "exit 7"]), Some(7));
    assert_eq!(code(&["init", "true"]), Some(0));
    assert_eq!(code(&["init", "sh", "-c", "kill -KILL $$"]), Some(128 + 9));
    assert_eq!(code(&["init", "/absent"]), Some(127));
    assert_eq!(code(&["init", "/"]), Some(126));
}

#[test]
fn init_hands_signals_to_its_command() {
    let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = Command::new(PROGRAM)
        .args(["init", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("run");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout"))
        .read_line(&mut line)
        .expect("read");
    signal(&child, Signal::SIGTERM);
    assert_eq!(ended(child).code(), Some(5));
}

#[test]
fn init_without_a_command_ends_at_once_when_asked() {
    for asked in [Signal::SIGTERM, Signal::SIGINT] {
        let child = Command::new(PROGRAM).spawn().expect("run");
        while !is_ready(child.id()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let start = Instant::now();
        signal(&child, asked);
        assert_eq!(ended(child).code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(1), "{asked}");
    }
}

/// The command does not inherit what init has blocked.
#[test]
fn commands_start_with_no_signal_blocked() {
    let output = node(&["init", "--", "grep", "SigBlk", "/proc/self/status"]);
    assert_eq!(text(&output.stdout).trim(), "SigBlk:\t0000000000000000");
}

#[test]
fn process_1_reaps_orphans() {
    if !is_root() {
        return;
    }
    // A shell that ends before its child makes an orphan of it; a dead one would be seen as Z.
    let output =
        in_namespaces("(sleep 0.05 & sleep 0.1 &) ; sleep 0.3; ps -o pid,stat,comm; exit 3");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let listing = text(&output.stdout);
    assert!(
        listing.contains("pinwire-node") && !listing.contains('Z'),
        "{listing}"
    );
}

#[test]
fn process_1_takes_everything_with_it() {
    if !is_root() {
        return;
    }
    // Idle, with an orphan that ignores the signal.
    let script = format!("(trap '' TERM; sleep 50) & exec {PROGRAM}");
    let mut unshare = Command::new("unshare");
    let mut child = unshare
        .args([
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            &script,
        ])
        .spawn()
        .expect("run");
    let init = loop {
        let path = format!("/proc/{0}/task/{0}/children", child.id());
        let children = std::fs::read_to_string(path).unwrap_or_default();
        let first = children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        match first.filter(|pid| is_ready(*pid)) {
            Some(pid) => break Pid::from_raw(pid.cast_signed()),
            None => assert!(child.try_wait().expect("wait").is_none(), "unshare ended"),
        }
    };
    let start = Instant::now();
    kill(init, Signal::SIGTERM).expect("kill");
    let status = ended(child);
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn tools_answer_to_their_names() {
    let directory = tempfile::tempdir().expect("make a directory");
    let link = directory.path().join("sleep");
    std::os::unix::fs::symlink(PROGRAM, &link).expect("symlink");
    let start = Instant::now();
    assert!(
        Command::new(&link)
            .args(["0.05", "0.05s"])
            .status()
            .expect("run")
            .success()
    );
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(
        text(&node(&["--list"]).stdout),
        "init\nping\nsleep\nudp-echo\nudp-send\n"
    );
    for wrong in [
        &["absent"][..],
        &["sleep"],
        &["ping"],
        &["ping", "-c", "x", "::1"],
        &["udp-send", "host:1"],
        &["ping", "-z", "::1"],
    ] {
        let output = node(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output.stderr).contains("usage"), "{wrong:?}");
    }
}

#[test]
fn sleep_ends_when_asked_also_as_process_1() {
    if !is_root() {
        return;
    }
    let unshare = [
        "--pid",
        "--fork",
        "--kill-child",
        "timeout",
        "--foreground",
        "0.2",
        PROGRAM,
        "sleep",
        "infinity",
    ];
    let output = Command::new("unshare")
        .args(unshare)
        .output()
        .expect("run unshare");
    assert_eq!(
        output.status.code(),
        Some(124),
        "timeout(1) tells that it ended it: {}",
        text(&output.stderr)
    );
}
