//! Ctrl-C and SIGTERM, as a question that long work asks between two steps: what was begun is then undone in order.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Holds back SIGINT and SIGTERM of this process and counts them.
#[derive(Debug)]
pub struct Interrupt {
    signals: SignalFd,
}

impl Interrupt {
    /// Holds the signals back from now on, for this thread and those that it starts. Processes started later inherit
    /// that; zygotes let all signals through again.
    ///
    /// # Errors
    /// What `pthread_sigmask(3)` or signalfd(2) said.
    pub fn hold() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        set.add(Signal::SIGTERM);
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals })
    }

    /// Whether somebody asked this process to end since the signals were held.
    pub fn is_pending(&self) -> bool {
        let mut fds = [nix::poll::PollFd::new(
            self.signals.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        matches!(
            nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO),
            Ok(1)
        )
    }
}
