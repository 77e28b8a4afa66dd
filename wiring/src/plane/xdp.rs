//! The plane `xdp`: what enters one interface leaves by another, by an XDP program of four instructions in native mode.
//!
//! The program is assembled here and loaded by bpf(2): no compiler, no ELF file. A veth redirects to another veth only if
//! that one's *peer* runs NAPI, which [`crate::setting::far_end`] sees to.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

use super::PlaneError;
use crate::kernel::netlink::Netlink;
use crate::kernel::syscall;
use crate::kernel::syscall::Instruction;

/// `XDP_FLAGS_DRV_MODE` (`linux/if_link.h)`: in the driver, or not at all.
const NATIVE: u32 = 1 << 2;

/// Attaches the program to `from`, in the place of one that is there. Both are indices of the socket's namespace.
pub(crate) fn attach(socket: &mut Netlink, from: u32, to: u32) -> Result<(), PlaneError> {
    let program = load(to).map_err(PlaneError::Program)?;
    set(socket, from, program.as_raw_fd())
}

/// Detaches whatever program is attached.
pub(crate) fn detach(socket: &mut Netlink, from: u32) -> Result<(), PlaneError> {
    set(socket, from, -1)
}

fn set(socket: &mut Netlink, index: u32, program: i32) -> Result<(), PlaneError> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = vec![LinkAttribute::Xdp(vec![
        LinkXdp::Fd(program),
        LinkXdp::Flags(NATIVE),
    ])];
    Ok(socket.request(RouteNetlinkMessage::SetLink(message), 0)?)
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
    /// `BPF_PROG_TYPE_XDP`
    const XDP: u32 = 6;
    syscall::load_program(XDP, *b"pinwire_xdp\0\0\0\0\0", &instructions(ifindex))
}
