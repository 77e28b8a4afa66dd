//! Classic BPF (Linux' Documentation/networking/filter.rst) for seccomp(2): from verdicts on runs of numbers to the
//! instructions that find the one for a call. Knows no system call.

use libc::sock_filter;

use super::table::Conditional;

/// Offsets into `struct seccomp_data` (linux/seccomp.h).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// `AUDIT_ARCH_*` (linux/audit.h) of the architecture that this is built for.
#[cfg(target_arch = "x86_64")]
pub(super) const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const NATIVE: u32 = 0xc000_00b7;

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    Refuse(i32),
    Ask(Conditional),
}

/// The program for segments, each given by its first number; the first one begins at 0.
pub(super) fn assemble(segments: &[(u32, Verdict)]) -> Vec<sock_filter> {
    let mut program = vec![
        load(ARCHITECTURE),
        // Calls of another architecture (32 bit, x32 is told by its numbers) do not exist here.
        jump(libc::BPF_JEQ, NATIVE, 1, 0),
        answer(Verdict::Refuse(libc::ENOSYS)),
        load(NUMBER),
    ];
    program.extend(search(segments));
    program
}

/// The search among segments, the number being loaded.
fn search(segments: &[(u32, Verdict)]) -> Vec<sock_filter> {
    if let [(_, verdict)] = segments {
        return judge(*verdict);
    }
    let (lower, upper) = segments.split_at(segments.len() / 2);
    let (first, lower) = (upper[0].0, search(lower));
    // A conditional jump reaches 255 instructions, which the lower half may exceed; an unconditional one 2^32.
    let skip = u32::try_from(lower.len()).unwrap_or(u32::MAX);
    let mut program = vec![
        jump(libc::BPF_JGE, first, 0, 1),
        statement(libc::BPF_JMP | libc::BPF_JA, skip),
    ];
    program.extend(lower);
    program.extend(search(upper));
    program
}

fn judge(verdict: Verdict) -> Vec<sock_filter> {
    let Verdict::Ask(Conditional {
        argument,
        mask,
        values,
        equal,
        ..
    }) = verdict
    else {
        return vec![answer(verdict)];
    };
    let low_word = ARGUMENTS + 8 * argument + if cfg!(target_endian = "big") { 4 } else { 0 };
    let mut program = vec![
        load(low_word),
        statement(libc::BPF_ALU | libc::BPF_AND, mask),
    ];
    for (index, &value) in values.iter().enumerate() {
        let rest = u8::try_from(values.len() - 1 - index).unwrap_or(u8::MAX);
        program.push(jump(libc::BPF_JEQ, value, rest + 1, 0));
    }
    let (different, same) = (Verdict::Refuse(libc::EPERM), Verdict::Allow);
    let (different, same) = if equal {
        (different, same)
    } else {
        (same, different)
    };
    program.extend([answer(different), answer(same)]);
    program
}

fn answer(verdict: Verdict) -> sock_filter {
    let value = match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Refuse(errno) => libc::SECCOMP_RET_ERRNO | errno.unsigned_abs(),
        // Unreachable by construction; refusing is the safe answer.
        Verdict::Ask(_) => libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs(),
    };
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn jump(test: u32, value: u32, when_true: u8, when_false: u8) -> sock_filter {
    sock_filter {
        jt: when_true,
        jf: when_false,
        ..statement(libc::BPF_JMP | test | libc::BPF_K, value)
    }
}

fn statement(code: u32, value: u32) -> sock_filter {
    // Codes of classic BPF have 8 bits (linux/bpf_common.h).
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}
