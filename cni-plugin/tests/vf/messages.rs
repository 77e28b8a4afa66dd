//! How many netlink messages an attachment takes, as a monitor of the kernel's (nlmon) sees them.

use std::process::{Command, Stdio};
use std::time::Duration;

use pinwire_support::command::run;
use pinwire_support::wait::eventually;

use crate::call::{all, cni};
use crate::machine::{functions, machine};

/// Types of messages (linux/rtnetlink.h).
const GETLINK: u16 = 18;
const SETLINK: u16 = 19;
/// Attributes (`linux/if_link.h`).
const VFINFO_LIST: u16 = 22;
const EXT_MASK: u16 = 29;

/// Types and bodies of the rtnetlink requests of a capture, in order.
fn requests(capture: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap()) as usize;
    let mut requests = Vec::new();
    // Headers of pcap: 24 bytes, then 16 for each packet; 16 more of cooked capture, whose last two say NETLINK_ROUTE.
    let mut at = 24;
    while at < capture.len() {
        let length = word(at + 8);
        let packet = &capture[at + 16..at + 16 + length];
        at += 16 + length;
        let mut rest = &packet[16..];
        while packet[14..16] == [0, 0] && rest.len() >= 16 {
            let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
            let kind = u16::from_le_bytes(rest[4..6].try_into().unwrap());
            let request = rest[6] & 1 == 1;
            let end = length.clamp(16, rest.len());
            if request && (kind == GETLINK || kind == SETLINK) {
                requests.push((kind, rest[16..end].to_vec()));
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
    requests
}

/// Whether a message about a link has an attribute.
fn has(body: &[u8], attribute: u16) -> bool {
    let mut rest = body.get(16..).unwrap_or_default();
    while rest.len() >= 4 {
        let length = u16::from_le_bytes([rest[0], rest[1]]) as usize;
        if u16::from_le_bytes([rest[2], rest[3]]) & 0x3fff == attribute {
            return true;
        }
        rest = rest
            .get(length.max(4).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    false
}

#[test]
fn one_request_configures_and_two_read() {
    machine(|machine| {
        machine.netns("a");
        let asked = all(&functions(0)[0].address.to_string());
        run("modprobe nlmon");
        run("ip link add monitor type nlmon");
        run("ip link set monitor up");
        let capture = machine.path("capture");
        let mut monitor = Command::new("tcpdump")
            .args([
                "--immediate-mode",
                "-Z",
                "root",
                "-U",
                "-s0",
                "-i",
                "monitor",
                "-w",
            ])
            .arg(&capture)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the capture has begun", || {
            std::fs::metadata(&capture).is_ok_and(|file| file.len() >= 24)
        });
        cni(machine, "ADD", "a", &asked).ok();
        std::thread::sleep(Duration::from_secs(1));
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(monitor.id().try_into().unwrap()),
            nix::sys::signal::Signal::SIGTERM,
        )
        .unwrap();
        monitor.wait().unwrap();
        run("ip link delete monitor");
        let requests = requests(&std::fs::read(&capture).unwrap());
        let count = |kind, attribute| {
            let matching = |(found, body): &&(u16, Vec<u8>)| *found == kind && has(body, attribute);
            requests.iter().filter(matching).count()
        };
        assert_eq!(count(SETLINK, VFINFO_LIST), 1, "{requests:?}");
        // Before the first change, and to read back.
        assert_eq!(count(GETLINK, EXT_MASK), 2, "{requests:?}");
        let set = requests.iter().filter(|(kind, _)| *kind == SETLINK).count();
        // The MAC address, the attributes, and the move with all the rest.
        assert_eq!(set, 3, "{requests:?}");
        cni(machine, "DEL", "a", &asked).ok();
    });
}
