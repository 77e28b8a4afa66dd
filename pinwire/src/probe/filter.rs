//! The classic packet filter (linux/filter.h) that keeps a receiving socket free of other traffic.

use std::net::SocketAddrV4;

use libc::sock_filter;

/// A program of the classic packet filter: IPv4 without options or fragmentation, UDP, and the destination.
pub(super) fn program(destination: SocketAddrV4) -> [sock_filter; 12] {
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF: u16 = 0x28;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    let load = |code, offset| sock_filter {
        code,
        jt: 0,
        jf: 0,
        k: offset,
    };
    // `left` instructions follow before the last one, which refuses.
    let equal = |value, left| sock_filter {
        code: JUMP_IF_EQUAL,
        jt: 0,
        jf: left,
        k: value,
    };
    [
        load(LOAD_BYTE, 14),
        equal(0x45, 9),
        load(LOAD_BYTE, 23),
        equal(17, 7),
        load(LOAD_HALF, 20),
        sock_filter {
            code: JUMP_IF_ANY_BIT,
            jt: 5,
            jf: 0,
            k: 0x3FFF,
        },
        load(LOAD_WORD, 30),
        equal(u32::from(*destination.ip()), 3),
        load(LOAD_HALF, 36),
        equal(u32::from(destination.port()), 1),
        sock_filter {
            code: RETURN,
            jt: 0,
            jf: 0,
            k: u32::MAX,
        },
        sock_filter {
            code: RETURN,
            jt: 0,
            jf: 0,
            k: 0,
        },
    ]
}
