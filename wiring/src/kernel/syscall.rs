//! System calls that no library wraps safely: the only file with unsafe code.

#![expect(unsafe_code, reason = "bpf(2) and SIOCGSKNS have no safe wrappers")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// `struct bpf_insn` (linux/bpf.h).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Instruction {
    pub(crate) code: u8,
    /// Destination in the low four bits, source in the high ones.
    pub(crate) registers: u8,
    pub(crate) offset: i16,
    pub(crate) immediate: i32,
}

/// The head of `union bpf_attr` for `BPF_PROG_LOAD` (linux/bpf.h), up to `prog_name`.
#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// Loads a program of a type (`enum bpf_prog_type`) with bpf(2).
pub(crate) fn load_program(
    program_type: u32,
    name: [u8; 16],
    instructions: &[Instruction],
) -> io::Result<OwnedFd> {
    /// `BPF_PROG_LOAD`
    const LOAD: libc::c_int = 5;
    let attributes = ProgramLoad {
        program_type,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
        kernel_version: 0,
        flags: 0,
        name,
    };
    // SAFETY: `attributes` is an initialised bpf_attr of the size given, and the instructions and the licence that it
    // points to outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            LOAD,
            std::ptr::from_ref(&attributes),
            size_of::<ProgramLoad>(),
        )
    };
    descriptor(i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?)
}

/// The network namespace that a socket belongs to. Needs `CAP_NET_ADMIN` there.
pub(crate) fn netns_of(socket: impl AsFd) -> io::Result<OwnedFd> {
    /// `SIOCGSKNS` (linux/sockios.h), since Linux 4.10.
    const GET_NETNS: libc::c_ulong = 0x894c;
    // SAFETY: this ioctl(2) takes no argument, and touches none of this process's memory.
    descriptor(unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), GET_NETNS as _) })
}

/// What a system call that makes a descriptor has returned.
fn descriptor(result: i32) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}
