//! Signals as a file descriptor, so that they are waited for together with sockets, and never interrupt anything.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::Failure;

/// Signals that are blocked and read one by one. Process 1 of a PID namespace gets no signal otherwise: the kernel
/// drops those that it neither handles nor blocks (`pid_namespaces(7)`).
pub(crate) struct Signals {
    descriptor: SignalFd,
}

/// A signal that came.
pub(crate) struct Received {
    pub(crate) signal: Signal,
    /// A terminal's driver sent it, to the whole foreground process group.
    pub(crate) from_terminal: bool,
}

/// What ended a wait.
pub(crate) enum Event {
    Signal(Signal),
    Readable,
    Timeout,
}

impl Signals {
    /// Blocks `signals` in this thread.
    pub(crate) fn block(signals: &SigSet) -> Result<Self, Failure> {
        signals.thread_block()?;
        Ok(Self {
            descriptor: SignalFd::with_flags(signals, SfdFlags::SFD_CLOEXEC)?,
        })
    }

    /// Blocks those that ask a tool to end.
    pub(crate) fn block_stop() -> Result<Self, Failure> {
        Self::block(&[Signal::SIGTERM, Signal::SIGINT].into_iter().collect())
    }

    /// The next signal.
    pub(crate) fn next(&self) -> Result<Received, Failure> {
        loop {
            let Some(information) = self.descriptor.read_signal()? else {
                continue;
            };
            // Real-time signals have no name in this library and no meaning here.
            let Ok(signal) = i32::try_from(information.ssi_signo)
                .map_err(|_| Errno::EINVAL)
                .and_then(Signal::try_from)
            else {
                continue;
            };
            return Ok(Received {
                signal,
                from_terminal: information.ssi_code == libc::SI_KERNEL,
            });
        }
    }

    /// Waits for a signal, for `socket` to become readable, or until `deadline`.
    pub(crate) fn wait(
        &self,
        socket: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Result<Event, Failure> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Event::Timeout);
            }
            let mut polled = vec![PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
            polled.extend(socket.map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
            match poll(&mut polled, left.map_or(PollTimeout::NONE, timeout)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if polled[0].any() == Some(true) {
                return Ok(Event::Signal(self.next()?.signal));
            }
            if polled.get(1).and_then(PollFd::any) == Some(true) {
                return Ok(Event::Readable);
            }
        }
    }
}

/// Rounded up to whole milliseconds, so that a wait never ends early and then spins; long ones are cut and repeated.
fn timeout(left: Duration) -> PollTimeout {
    let milliseconds = left.as_micros().div_ceil(1000).min(1_000_000);
    i32::try_from(milliseconds)
        .ok()
        .and_then(|value| PollTimeout::try_from(value).ok())
        .unwrap_or(PollTimeout::MAX)
}
