//! The classic packet filter (linux/filter.h) that keeps a receiving socket free of other traffic.

use std::net::SocketAddrV4;

use libc::sock_filter;

const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// A program that takes IPv4 without options or fragmentation, UDP, and the destination. The jumps' numbers are those of the
/// instructions to skip: all lead to the last one, which refuses.
pub(super) fn program(destination: SocketAddrV4) -> [sock_filter; 12] {
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    [
        instruction(LOAD_BYTE, 0, 0, 14),
        instruction(JUMP_IF_EQUAL, 0, 9, 0x45),
        instruction(LOAD_BYTE, 0, 0, 23),
        instruction(JUMP_IF_EQUAL, 0, 7, 17),
        instruction(LOAD_HALF, 0, 0, 20),
        instruction(JUMP_IF_ANY_BIT, 5, 0, 0x3FFF),
        instruction(LOAD_WORD, 0, 0, 30),
        instruction(JUMP_IF_EQUAL, 0, 3, u32::from(*destination.ip())),
        instruction(LOAD_HALF, 0, 0, 36),
        instruction(JUMP_IF_EQUAL, 0, 1, u32::from(destination.port())),
        instruction(RETURN, 0, 0, u32::MAX),
        instruction(RETURN, 0, 0, 0),
    ]
}
