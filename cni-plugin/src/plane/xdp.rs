//! The plane `xdp`: what enters one interface leaves by another, by an XDP program of four instructions in native mode.
//!
//! The program is assembled here and loaded by bpf(2): no compiler, no ELF file. A veth redirects to another veth only if
//! that one's *peer* runs NAPI, which [`crate::setting::far_end`] sees to. The only file with unsafe code.

#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

use crate::netlink::Netlink;
use crate::setting::ApplyError;

/// `XDP_FLAGS_DRV_MODE` (`linux/if_link.h)`: in the driver, or not at all.
const NATIVE: u32 = 1 << 2;

/// Attaches the program to `from`, in the place of one that is there. Both are indices of the socket's namespace.
pub(crate) fn attach(socket: &mut Netlink, from: u32, to: u32) -> Result<(), ApplyError> {
    let program = load(to).map_err(|error| ApplyError::Program(error.to_string()))?;
    set(socket, from, program.as_raw_fd())
}

/// Detaches whatever program is attached.
pub(crate) fn detach(socket: &mut Netlink, from: u32) -> Result<(), ApplyError> {
    set(socket, from, -1)
}

fn set(socket: &mut Netlink, index: u32, program: i32) -> Result<(), ApplyError> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![LinkAttribute::Xdp(vec![
        LinkXdp::Fd(program),
        LinkXdp::Flags(NATIVE),
    ])];
    Ok(socket.request(RouteNetlinkMessage::SetLink(message), 0)?)
}

/// `struct bpf_insn` (linux/bpf.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    /// Destination in the low four bits, source in the high ones.
    registers: u8,
    offset: i16,
    immediate: i32,
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

/// `return bpf_redirect(ifindex, 0)`.
fn instructions(ifindex: u32) -> [Instruction; 4] {
    /// `BPF_ALU64` | `BPF_MOV` | `BPF_K`
    const MOVE: u8 = 0xb7;
    /// `BPF_JMP` | `BPF_CALL`
    const CALL: u8 = 0x85;
    /// `BPF_JMP` | `BPF_EXIT`
    const EXIT: u8 = 0x95;
    /// `BPF_FUNC_redirect`
    const REDIRECT: i32 = 23;
    let instruction = |code, registers, immediate| Instruction {
        code,
        registers,
        offset: 0,
        immediate,
    };
    [
        instruction(MOVE, 1, ifindex.cast_signed()),
        instruction(MOVE, 2, 0),
        instruction(CALL, 0, REDIRECT),
        instruction(EXIT, 0, 0),
    ]
}

/// Loads the program that redirects to an interface.
fn load(ifindex: u32) -> io::Result<OwnedFd> {
    /// `BPF_PROG_LOAD`
    const LOAD: libc::c_int = 5;
    /// `BPF_PROG_TYPE_XDP`
    const XDP: u32 = 6;
    let instructions = instructions(ifindex);
    let attributes = ProgramLoad {
        program_type: XDP,
        instruction_count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
        kernel_version: 0,
        flags: 0,
        name: *b"pinwire_xdp\0\0\0\0\0",
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
    let descriptor = i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?;
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
