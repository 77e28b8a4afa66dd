//! Which devices the processes of a container may open. Version 2 has no controller for that but asks a BPF program
//! (Documentation/admin-guide/cgroup-v2.rst, "Device controller"); version 1 has one that takes rules. Both let a
//! container make any node, which the devices filesystem and images need, but open only those that every container has, and
//! those that it is given.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{Cgroup, CgroupError, write};
use crate::syscall::{attach_device_program, load_device_program};

/// Character devices by their major number and, where not all, minor numbers: null, zero, full, random and urandom; tty,
/// console and ptmx; the terminals of a devpts.
const DEVICES: [(i32, &[i32]); 3] = [(1, &[3, 5, 7, 8, 9]), (5, &[0, 1, 2]), (136, &[])];

/// A character device by its major and minor number.
pub(crate) type DeviceNumber = (i32, i32);

/// How the devices of containers are limited on this host.
#[derive(Debug)]
pub(crate) enum DeviceLimit {
    /// By this program, which is attached to each group.
    Program(OwnedFd),
    /// By the controller of version 1.
    Controller,
    /// Not at all: making nodes is all that can be prevented.
    None,
}

impl DeviceLimit {
    /// The best that there is.
    pub(crate) fn detect(topology: &Cgroup) -> Self {
        let program = topology
            .unified_directory()
            .and_then(|_| load_device_program(&program(&[])).ok());
        match program {
            Some(program) => Self::Program(program),
            None if topology.hierarchies().of("devices").is_some() => Self::Controller,
            None => Self::None,
        }
    }

    /// Limits the devices of the processes of a group to those of every container and the ones that are given.
    ///
    /// # Errors
    /// [`CgroupError::Devices`], [`CgroupError::Write`].
    pub(crate) fn apply(&self, group: &Cgroup, given: &[DeviceNumber]) -> Result<(), CgroupError> {
        match self {
            Self::Program(common) => group
                .unified_directory()
                .map_or(Ok(()), |directory| attach(common, given, directory)),
            Self::Controller => group
                .hierarchies()
                .of("devices")
                .map_or(Ok(()), |hierarchy| {
                    let directory = group.directory(hierarchy);
                    write(&directory.join("devices.deny"), "a")?;
                    rules(given)
                        .iter()
                        .try_for_each(|rule| write(&directory.join("devices.allow"), rule))
                }),
            Self::None => Ok(()),
        }
    }
}

/// Attaches the program that all containers share, or one of its own to a group that is given more.
fn attach(common: &OwnedFd, given: &[DeviceNumber], directory: PathBuf) -> Result<(), CgroupError> {
    let attached = File::open(&directory).and_then(|group| {
        if given.is_empty() {
            return attach_device_program(common, &group);
        }
        attach_device_program(&load_device_program(&program(given))?, &group)
    });
    attached.map_err(|source| CgroupError::Devices {
        path: directory,
        source,
    })
}

/// The devices that are allowed: those of every container, then the given ones.
fn allowed(given: &[DeviceNumber]) -> impl Iterator<Item = (i32, &[i32])> {
    let given = given.iter();
    let given = given.map(|(major, minor)| (*major, std::slice::from_ref(minor)));
    DEVICES.into_iter().chain(given)
}

/// The rules of version 1.
fn rules(given: &[DeviceNumber]) -> Vec<String> {
    let mut rules = vec!["c *:* m".to_owned(), "b *:* m".to_owned()];
    for (major, minors) in allowed(given) {
        rules.extend(minors.iter().map(|minor| format!("c {major}:{minor} rwm")));
        rules.extend(minors.is_empty().then(|| format!("c {major}:* rwm")));
    }
    rules
}

/// The program: given `struct bpf_cgroup_dev_ctx` (linux/bpf.h), returns 1 to allow and 0 to refuse.
fn program(given: &[DeviceNumber]) -> Vec<u64> {
    const CHARACTER: i32 = 2;
    const MAKE_NODE: i32 = 1;
    let [result, context, kind, access, major, minor] = [0, 1, 2, 3, 4, 5];
    let mut program = vec![
        instruction(LOAD, kind, context, 0, 0),
        instruction(COPY, access, kind, 0, 0),
        instruction(AND, kind, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, access, 0, 0, 16),
        instruction(LOAD, major, context, 4, 0),
        instruction(LOAD, minor, context, 8, 0),
    ];
    let tests: usize = allowed(given).map(|(_, minors)| 1 + minors.len()).sum();
    // Both verdicts come last: refused after all tests, then allowed.
    let refuse = program.len() + 2 + tests;
    let to = |from: usize, target: usize| i16::try_from(target - from - 1).unwrap_or(i16::MAX);
    let allow = |program: &Vec<u64>| to(program.len(), refuse + 2);
    program.push(instruction(IF_EQUAL, access, 0, allow(&program), MAKE_NODE));
    program.push(instruction(
        UNLESS_EQUAL,
        kind,
        0,
        to(program.len(), refuse),
        CHARACTER,
    ));
    for (number, minors) in allowed(given) {
        let skip = i16::try_from(minors.len()).unwrap_or(i16::MAX);
        // Without minor numbers all are meant; with them, another major number goes past their tests.
        let (test, target) = if skip == 0 {
            (IF_EQUAL, allow(&program))
        } else {
            (UNLESS_EQUAL, skip)
        };
        program.push(instruction(test, major, 0, target, number));
        for &number in minors {
            program.push(instruction(IF_EQUAL, minor, 0, allow(&program), number));
        }
    }
    program.extend(verdicts(result));
    program
}

/// The two ends of a program: refused, then allowed.
fn verdicts(result: u8) -> impl Iterator<Item = u64> {
    let end = move |value| {
        [
            instruction(SET, result, 0, 0, value),
            instruction(EXIT, 0, 0, 0, 0),
        ]
    };
    [0, 1].into_iter().flat_map(end)
}

/// Operations of BPF (RFC 9669), on 64 bits but for the load of 32.
const LOAD: u8 = 0x61;
const COPY: u8 = 0xbf;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const IF_EQUAL: u8 = 0x15;
const UNLESS_EQUAL: u8 = 0x55;
const SET: u8 = 0xb7;
const EXIT: u8 = 0x95;

fn instruction(operation: u8, destination: u8, source: u8, offset: i16, value: i32) -> u64 {
    let ([low, high], [a, b, c, d]) = (offset.to_le_bytes(), value.to_le_bytes());
    u64::from_le_bytes([operation, destination | source << 4, low, high, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as RFC 9669 says.
    fn run(program: &[u64], context: [u32; 3]) -> u64 {
        let mut registers = [0u64; 16];
        let mut at = 0;
        loop {
            let [operation, operands, low, high, a, b, c, d] = program[at].to_le_bytes();
            let (destination, source) = (usize::from(operands & 15), usize::from(operands >> 4));
            let offset = usize::try_from(i16::from_le_bytes([low, high])).unwrap();
            let value = u64::from(u32::from_le_bytes([a, b, c, d]));
            at += 1;
            match operation {
                LOAD => registers[destination] = u64::from(context[offset / 4]),
                COPY => registers[destination] = registers[source],
                AND => registers[destination] &= value,
                SHIFT_RIGHT => registers[destination] >>= value,
                SET => registers[destination] = value,
                IF_EQUAL if registers[destination] == value => at += offset,
                UNLESS_EQUAL if registers[destination] != value => at += offset,
                IF_EQUAL | UNLESS_EQUAL => {}
                EXIT => return registers[0],
                _ => panic!("unknown operation {operation:#x}"),
            }
        }
    }

    #[test]
    fn containers_open_their_own_devices_only() {
        let (block, character, make, read_write) = (1, 2, 1, 6);
        let programs = [program(&[]), program(&[(240, 5), (10, 196)])];
        for (name, access, kind, major, minor, allowed) in [
            ("null", read_write, character, 1, 3, true),
            ("a terminal", read_write, character, 136, 7, true),
            ("tty", 2, character, 5, 0, true),
            ("the kernel's log", 2, character, 1, 11, false),
            ("memory", read_write, character, 1, 1, false),
            ("a disk", 2, block, 8, 0, false),
            ("a disk with the numbers of null", 2, block, 1, 3, false),
            ("making a disk's node", make, block, 8, 0, true),
            ("making and opening one", make | 2, block, 8, 0, false),
        ] {
            for program in &programs {
                let verdict = run(program, [access << 16 | kind, major, minor]);
                assert_eq!(verdict == 1, allowed, "{name}");
            }
        }
        for (name, major, minor, allowed) in [
            ("the first given one", 240, 5, true),
            ("the second", 10, 196, true),
            ("its neighbour", 240, 6, false),
            ("major of the one, minor of the other", 240, 196, false),
        ] {
            let context = [read_write << 16 | character, major, minor];
            assert_eq!(run(&programs[1], context) == 1, allowed, "{name}");
            assert_eq!(run(&programs[0], context), 0, "{name}");
        }
    }

    #[test]
    fn the_rules_of_version_1_say_the_same() {
        assert_eq!(
            rules(&[(240, 5)]),
            [
                "c *:* m",
                "b *:* m",
                "c 1:3 rwm",
                "c 1:5 rwm",
                "c 1:7 rwm",
                "c 1:8 rwm",
                "c 1:9 rwm",
                "c 5:0 rwm",
                "c 5:1 rwm",
                "c 5:2 rwm",
                "c 136:* rwm",
                "c 240:5 rwm",
            ]
        );
    }
}
