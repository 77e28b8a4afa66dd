//! The few system calls that have no safe wrapper: fork(2) of a process that runs a function and never returns, signals,
//! seccomp(2), bpf(2) and descriptors by their number. The only file of this crate with `unsafe`.
#![expect(
    unsafe_code,
    reason = "these system calls have no safe wrapper that does what is needed here"
)]

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::Pid;

/// Forks; the child runs `body` and exits with what it returns, 101 after a panic. Returns the child's pid.
///
/// # Errors
/// EAGAIN and ENOMEM of fork(2), and `WouldBlock` where the process has other threads: their locks would stay locked
/// in the child for ever.
pub(crate) fn fork(body: impl FnOnce() -> i32) -> io::Result<Pid> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "the process has more than one thread",
        ));
    }
    fork_again(body)
}

/// The same in a process that has been forked itself, where `/proc` may be another pid namespace's already.
///
/// # Errors
/// EAGAIN and ENOMEM of fork(2).
pub(crate) fn fork_again(body: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: there is one thread, so that the child is a whole copy of the process and may run any code.
    match Errno::result(unsafe { libc::fork() })? {
        0 => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: ends the process at once: no destructor and no exit handler of the parent's runs twice.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Gives all signals their default action and unblocks them: both survive fork(2), and ignored and blocked ones
/// execve(2) too. Rust's runtime ignores SIGPIPE and glibc's `posix_spawn(3)` two signals of its own; no container expects
/// either.
pub(crate) fn reset_signals() {
    // SIG_DFL without flags and mask, in the form of the kernel: glibc's functions refuse the two.
    let default = [0u64; 4];
    let none = std::ptr::null_mut::<u64>();
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action runs no code of this process. For SIGKILL and SIGSTOP the call fails, harmlessly.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                none,
                size_of::<u64>(),
            )
        };
    }
    let (empty, how) = (0u64, libc::SIG_SETMASK);
    // SAFETY: the mask is one word, of which the kernel is told the size; no old mask is asked for.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            how,
            &raw const empty,
            none,
            size_of::<u64>(),
        )
    };
}

/// Installs a seccomp filter in the calling thread (seccomp(2)).
///
/// # Errors
/// EACCES without `CAP_SYS_ADMIN` and `no_new_privs`, EINVAL for a program that the kernel's checker refuses.
pub(crate) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length =
        u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the program outlives the call, which copies it and does not write to it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Closes all descriptors but the standard streams and `fd`, which becomes 3. For a fresh child, in which no other owner of
/// a descriptor is used again.
///
/// # Errors
/// Those of dup2(2); ENOSYS of `close_range(2)` before Linux 5.9.
pub(crate) fn close_all_but(fd: OwnedFd) -> io::Result<OwnedFd> {
    const FIRST: i32 = 3;
    let raw = fd.into_raw_fd();
    // SAFETY: whatever owned 3 in the parent is not used in this child.
    Errno::result(unsafe { libc::dup2(raw, FIRST) })?;
    // SAFETY: whatever owned these descriptors in the parent is not used in this child.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, FIRST + 1, u32::MAX, 0) })?;
    // SAFETY: 3 is open, and this is its only owner.
    let fd = unsafe { OwnedFd::from_raw_fd(FIRST) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(fd)
}

/// Has every file descriptor from `first` on closed by execve(2) (`close_range(2)`, `CLOSE_RANGE_CLOEXEC`).
///
/// # Errors
/// EINVAL before Linux 5.11.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: sets a flag of descriptors; it closes none.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// The fields of `union bpf_attr` (linux/bpf.h) that loading a program sets; the rest is zero.
#[repr(C)]
#[derive(Default)]
struct LoadAttribute {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    _log: [u64; 2],
    _version: u32,
    _flags: u32,
    _name: [u64; 2],
    _interface: u32,
    attach_type: u32,
}

/// The fields that attaching a program to a control group sets.
#[repr(C)]
#[derive(Default)]
struct AttachAttribute {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// Has the kernel check and keep a program that judges the use of devices (`BPF_PROG_TYPE_CGROUP_DEVICE`).
///
/// # Errors
/// EINVAL where the kernel lacks `CONFIG_CGROUP_BPF`, EPERM without `CAP_BPF` and `CAP_NET_ADMIN`.
pub(crate) fn load_device_program(instructions: &[u64]) -> io::Result<OwnedFd> {
    const PROGRAM_LOAD: libc::c_long = 5;
    const CGROUP_DEVICE: u32 = 15;
    let attribute = LoadAttribute {
        program_type: CGROUP_DEVICE,
        instruction_count: u32::try_from(instructions.len()).map_err(io::Error::other)?,
        instructions: instructions.as_ptr().addr() as u64,
        license: c"Apache-2.0".as_ptr().addr() as u64,
        attach_type: ATTACH_DEVICE,
        ..LoadAttribute::default()
    };
    let size = size_of::<LoadAttribute>();
    // SAFETY: the attribute and what it points to outlive the call, and the kernel is told their sizes.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROGRAM_LOAD, &raw const attribute, size) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for this process, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `BPF_CGROUP_DEVICE` of `enum bpf_attach_type`.
const ATTACH_DEVICE: u32 = 6;

/// Has a program judge the use of devices by the processes of a control group, for as long as that exists.
///
/// # Errors
/// Those of bpf(2).
pub(crate) fn attach_device_program(program: &OwnedFd, group: &impl AsFd) -> io::Result<()> {
    const PROGRAM_ATTACH: libc::c_long = 8;
    const ALLOW_MULTIPLE: u32 = 2;
    let attribute = AttachAttribute {
        target: group.as_fd().as_raw_fd().unsigned_abs(),
        program: program.as_raw_fd().unsigned_abs(),
        attach_type: ATTACH_DEVICE,
        flags: ALLOW_MULTIPLE,
    };
    let size = size_of::<AttachAttribute>();
    // SAFETY: the attribute outlives the call, and the kernel is told its size.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, PROGRAM_ATTACH, &raw const attribute, size) };
    Errno::result(result)?;
    Ok(())
}
