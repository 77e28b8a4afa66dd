//! Commands in running containers that get a terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use pinwire_shim::workload::Workload;
use pinwire_support::wait::eventually;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::node::Topology;
use super::part::{output, spawn};

super::tests![
    a_command_gets_a_terminal,
    a_terminal_of_ones_own_is_made_raw_and_restored
];

fn a_command_gets_a_terminal() {
    let mut topology = Topology::new();
    let started = topology.start("c", Workload::default()).unwrap();
    // Nothing is said before the line has come, in the middle of which it would be echoed.
    let mut request = topology.exec("c", started, "read line; tty; echo got $line; exit 5");
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
    eventually(end, || {
        let mut buffer = [0; 1024];
        let count = file.read(&mut buffer).unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        text.contains(end)
    });
}
