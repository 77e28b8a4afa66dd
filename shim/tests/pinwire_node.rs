//! The node's program as its users see it: exit codes, signals and output. Tests that need a PID or network namespace run
//! below unshare(1), and so need root.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// Whether to go on: loudly not, without root; a failure where tests must run.
fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(
        root || std::env::var_os("CI").is_none(),
        "these tests need root"
    );
    if !root {
        eprintln!("skipped: these tests need root");
    }
    root
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
        // Blocked from its first moments on, or still the default: either ends it.
        std::thread::sleep(Duration::from_millis(50));
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
        .args(["--pid", "--fork", "--mount-proc", "sh", "-c", &script])
        .process_group(0)
        .spawn()
        .expect("run");
    let init = loop {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))
            .unwrap_or_default();
        let first: Option<i32> = children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        let is_init = |pid: &i32| {
            std::fs::read_link(format!("/proc/{pid}/exe"))
                .is_ok_and(|program| program == Path::new(PROGRAM))
        };
        match first.filter(is_init) {
            Some(pid) => break pid,
            None => assert!(child.try_wait().expect("wait").is_none(), "unshare ended"),
        }
    };
    let start = Instant::now();
    kill(Pid::from_raw(init), Signal::SIGTERM).expect("kill");
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

#[test]
fn ping_over_both_protocols() {
    if !is_root() {
        return;
    }
    let output =
        in_namespaces("NODE ping -c 3 -i 0.01 127.0.0.1 && NODE ping -c 2 -i 0.01 -s 1000 ::1");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for part in [
        "127.0.0.1: 3 sent, 3 received, 0 lost",
        "64 bytes from 127.0.0.1: seq=0",
        "::1: 2 sent, 2 received",
        "1008 bytes from ::1",
    ] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    let output = in_namespaces(
        "ip route add blackhole 192.0.2.0/24; NODE ping -c 2 -i 0.01 -W 0.05 192.0.2.1",
    );
    assert_eq!(output.status.code(), Some(1), "nothing answers");
    assert!(
        text(&output.stdout).contains("2 sent, 0 received, 2 lost (100.000 %)"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn udp_echoes_from_the_address_that_was_asked() {
    if !is_root() {
        return;
    }
    // 10.9.9.9 is not what the kernel would choose to answer from.
    let output = in_namespaces(
        "ip address add 10.9.9.9/32 dev lo; NODE udp-echo 7000 & sleep 0.1; \
         NODE udp-send -c 500 -r 5000 -s 200 10.9.9.9:7000 && NODE udp-send -c 5 -r 500 [::1]:7000",
    );
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for part in [
        "udp-echo: listening on [::]:7000",
        "10.9.9.9:7000: 500 sent, 500 received, 0 lost",
        "[::1]:7000: 5 sent, 5 received",
    ] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    // Without IPv6, too.
    let output = in_namespaces(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1; NODE udp-echo -b 127.0.0.1 7000 & sleep 0.1; \
         NODE udp-send -c 5 -r 500 127.0.0.1:7000; NODE udp-send -c 2 -r 100 -W 0.05 127.0.0.1:7001",
    );
    assert_eq!(output.status.code(), Some(1), "nobody listens on 7001");
    assert!(
        text(&output.stdout).contains("127.0.0.1:7000: 5 sent, 5 received"),
        "{}",
        text(&output.stdout)
    );
}
