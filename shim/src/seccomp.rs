//! The seccomp filter of a container, assembled as a classic BPF program: a binary search over the numbers of system
//! calls, so that a call is judged in a dozen instructions. No profile is read: there is one, Docker's default
//! (`seccomp/table.rs`), opened up by the container's capabilities.
//!
//! Assembled here rather than by libseccomp because that takes milliseconds for a list of this size, every time, and
//! answers EPERM for calls that are newer than itself, which breaks the fallbacks of newer C libraries.

mod program;
mod table;

use std::collections::BTreeMap;
use std::io;

use libc::{c_long, sock_filter};
use oci_spec::runtime::Capabilities;

use program::{Verdict, assemble};

/// A filter that is ready to be installed.
#[derive(Clone, Debug)]
pub struct Filter(Vec<sock_filter>);

impl Filter {
    /// The filter of a container with these capabilities in its bounding set.
    pub fn new(capabilities: &Capabilities) -> Self {
        Self(assemble(&segments(&verdicts(capabilities))))
    }

    /// Installs it in the calling process, which has one thread; for good, and for all its children.
    ///
    /// # Errors
    /// EACCES without `CAP_SYS_ADMIN` and `no_new_privs` (seccomp(2)).
    pub fn install(&self) -> io::Result<()> {
        crate::syscall::install_filter(&self.0)
    }
}

fn verdicts(capabilities: &Capabilities) -> BTreeMap<c_long, Verdict> {
    let mut verdicts: BTreeMap<_, _> = table::CONDITIONAL
        .iter()
        .map(|conditional| (conditional.call, Verdict::Ask(*conditional)))
        .collect();
    // ENOSYS rather than EPERM: C libraries then use clone(2), whose flags a filter can read.
    verdicts.insert(libc::SYS_clone3, Verdict::Refuse(libc::ENOSYS));
    let granted = table::WITH_CAPABILITY
        .iter()
        .filter(|(capability, _)| capabilities.contains(capability));
    let lists = [table::ALWAYS, table::ARCHITECTURE, table::RECENT]
        .into_iter()
        .chain(granted.map(|(_, calls)| *calls));
    verdicts.extend(lists.flatten().map(|&call| (call, Verdict::Allow)));
    verdicts
}

/// The verdicts as runs of numbers with the same one, each by its first number; together they cover all numbers.
fn segments(verdicts: &BTreeMap<c_long, Verdict>) -> Vec<(u32, Verdict)> {
    let mut segments: Vec<(u32, Verdict)> = Vec::new();
    let mut push = |first: c_long, verdict| {
        if segments.last().is_none_or(|&(_, last)| last != verdict) {
            segments.push((u32::try_from(first).unwrap_or(u32::MAX), verdict));
        }
    };
    for number in 0..=table::NEWEST {
        push(
            number,
            verdicts
                .get(&number)
                .copied()
                .unwrap_or(Verdict::Refuse(libc::EPERM)),
        );
    }
    push(table::NEWEST + 1, Verdict::Refuse(libc::ENOSYS));
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::program::NATIVE;
    use oci_spec::runtime::Capability;

    /// Runs the program as the kernel would (Documentation/networking/filter.rst) and counts the instructions.
    fn run(filter: &Filter, architecture: u32, number: u32, arguments: [u64; 6]) -> (u32, usize) {
        let mut data = Vec::new();
        data.extend(number.to_ne_bytes());
        data.extend(architecture.to_ne_bytes());
        data.extend(0u64.to_ne_bytes());
        arguments
            .iter()
            .for_each(|argument| data.extend(argument.to_ne_bytes()));
        let (mut at, mut accumulator, mut steps) = (0, 0u32, 0);
        loop {
            let instruction = filter.0[at];
            let (code, value) = (u32::from(instruction.code), instruction.k);
            at += 1;
            steps += 1;
            let test = match code & 0xf7 {
                _ if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    let offset = value as usize;
                    accumulator = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap());
                    continue;
                }
                _ if code == libc::BPF_ALU | libc::BPF_AND => {
                    accumulator &= value;
                    continue;
                }
                _ if code == libc::BPF_JMP | libc::BPF_JA => {
                    at += value as usize;
                    continue;
                }
                _ if code == libc::BPF_RET => return (value, steps),
                _ if code == libc::BPF_JMP | libc::BPF_JEQ => accumulator == value,
                _ if code == libc::BPF_JMP | libc::BPF_JGE => accumulator >= value,
                _ => panic!("unknown instruction {code:#x}"),
            };
            at += usize::from(if test { instruction.jt } else { instruction.jf });
        }
    }

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | 1;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | 38;

    fn verdict(filter: &Filter, call: c_long, first: u64) -> u32 {
        run(
            filter,
            NATIVE,
            u32::try_from(call).unwrap(),
            [first, 0, 0, 0, 0, 0],
        )
        .0
    }

    #[test]
    fn system_calls_are_judged_as_dockers_default_profile_does() {
        let filter = Filter::new(&Capabilities::new());
        for (name, call, first, expected) in [
            ("read", libc::SYS_read, 0, ALLOW),
            ("the first socket domain", libc::SYS_socket, 2, ALLOW),
            ("a packet socket", libc::SYS_socket, 17, ALLOW),
            ("a vsock", libc::SYS_socket, 40, EPERM),
            (
                "clone as fork(3) calls it",
                libc::SYS_clone,
                0x0120_0011,
                ALLOW,
            ),
            (
                "clone of a user namespace",
                libc::SYS_clone,
                0x1000_0011,
                EPERM,
            ),
            (
                "clone of a network namespace",
                libc::SYS_clone,
                0x4000_0000,
                EPERM,
            ),
            ("clone3", libc::SYS_clone3, 0, ENOSYS),
            (
                "personality query",
                libc::SYS_personality,
                0xffff_ffff,
                ALLOW,
            ),
            (
                "no address space randomisation",
                libc::SYS_personality,
                0x0004_0000,
                EPERM,
            ),
            ("keyctl", libc::SYS_keyctl, 0, EPERM),
            ("unshare", libc::SYS_unshare, 0, EPERM),
            ("bpf", libc::SYS_bpf, 0, EPERM),
            ("io_uring_setup", libc::SYS_io_uring_setup, 0, EPERM),
            ("fchmodat2", 452, 0, ALLOW),
            ("a call of the future", table::NEWEST + 1, 0, ENOSYS),
            ("an x32 call", 0x4000_0000, 0, ENOSYS),
        ] {
            assert_eq!(verdict(&filter, call, first), expected, "{name}");
        }
        assert_eq!(
            run(&filter, 0x4000_0003, 3, [0; 6]).0,
            ENOSYS,
            "a call of i386"
        );
    }

    #[test]
    fn capabilities_open_their_system_calls() {
        let filter = Filter::new(&[Capability::SysAdmin].into_iter().collect());
        assert_eq!(verdict(&filter, libc::SYS_unshare, 0), ALLOW);
        assert_eq!(verdict(&filter, libc::SYS_clone, 0x1000_0011), ALLOW);
        assert_eq!(verdict(&filter, libc::SYS_clone3, 0), ALLOW);
        assert_eq!(verdict(&filter, libc::SYS_init_module, 0), EPERM);
    }

    #[test]
    fn every_number_is_judged_within_few_instructions() {
        let filter = Filter::new(&Capabilities::new());
        let longest = (0..600)
            .map(|number| run(&filter, NATIVE, number, [0; 6]).1)
            .max()
            .unwrap();
        assert!(longest <= 32, "{longest} instructions");
        assert!(filter.0.len() < 4096, "BPF_MAXINSNS");
    }
}
