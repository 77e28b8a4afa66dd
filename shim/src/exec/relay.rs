//! The caller's side of [`super::exec`] while the command runs: passes signals on, and bytes and window sizes where it has
//! a terminal. Keeps no byte of what passes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use rustix::termios::{self, OptionalActions, Termios};

/// Signals that are for the command.
const PASSED_ON: [NixSignal; 6] = [
    NixSignal::SIGHUP,
    NixSignal::SIGINT,
    NixSignal::SIGQUIT,
    NixSignal::SIGTERM,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// Signals taken over from this process until it is dropped.
pub(super) struct Relay {
    signals: SignalFd,
    before: SigSet,
    /// The near end of the command's terminal.
    pub(super) terminal: Option<OwnedFd>,
}

impl Relay {
    /// Takes the signals over.
    pub(super) fn new() -> io::Result<Self> {
        let before = SigSet::thread_get_mask()?;
        let mut mask: SigSet = PASSED_ON.into_iter().collect();
        mask.add(NixSignal::SIGWINCH);
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self {
            signals,
            before,
            terminal: None,
        })
    }

    /// Relays until the command has ended.
    pub(super) fn run(&mut self, stdin: bool, command: Option<OwnedFd>) -> io::Result<()> {
        let command = command.ok_or(io::ErrorKind::NotFound)?;
        let Some(terminal) = self.terminal.take() else {
            return self.run_without_terminal(&command);
        };
        let raw = if stdin {
            RawMode::enter(io::stdin())?
        } else {
            None
        };
        let mut bytes = Bytes {
            terminal: &terminal,
            input: Vec::new(),
            stdin_open: stdin,
        };
        loop {
            let (ended, signalled) = bytes.wait(&command, &self.signals)?;
            if signalled {
                self.pass_on(&command, Some(&terminal))?;
            }
            if ended {
                bytes.drain()?;
                drop(raw);
                return Ok(());
            }
        }
    }

    fn run_without_terminal(&mut self, command: &OwnedFd) -> io::Result<()> {
        loop {
            let mut watched = [
                PollFd::new(command, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            rustix::io::retry_on_intr(|| poll(&mut watched, None))?;
            if watched[0].revents().contains(PollFlags::IN) {
                return Ok(());
            }
            self.pass_on(command, None)?;
        }
    }

    fn pass_on(&mut self, command: &OwnedFd, terminal: Option<&OwnedFd>) -> io::Result<()> {
        while let Some(info) = self.signals.read_signal()? {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            match (Signal::from_named_raw(number), terminal) {
                (Some(Signal::WINCH), Some(terminal)) => copy_window_size(terminal),
                (Some(Signal::WINCH) | None, _) => {}
                // It may have ended meanwhile.
                (Some(signal), _) => drop(pidfd_send_signal(command, signal)),
            }
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// The bytes that go through a terminal.
struct Bytes<'a> {
    terminal: &'a OwnedFd,
    /// Read from standard input and not taken by the terminal yet.
    input: Vec<u8>,
    stdin_open: bool,
}

impl Bytes<'_> {
    /// Waits for something to do and does it; tells whether the command has ended and whether there are signals.
    fn wait(&mut self, command: &OwnedFd, signals: &SignalFd) -> io::Result<(bool, bool)> {
        let stdin = io::stdin();
        let to_terminal = if self.input.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        };
        // Not read on while the terminal takes nothing.
        let from_stdin = if self.stdin_open && self.input.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::empty()
        };
        let mut watched = [
            PollFd::new(command, PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
            PollFd::new(self.terminal, to_terminal),
            PollFd::new(&stdin, from_stdin),
        ];
        // A closed standard input is always ready.
        let count = if from_stdin.is_empty() { 3 } else { 4 };
        rustix::io::retry_on_intr(|| poll(&mut watched[..count], None))?;
        let [ended, signalled, terminal, typed] = watched.map(|fd| fd.revents());
        if terminal.contains(PollFlags::IN) {
            self.copy_output()?;
        }
        if terminal.contains(PollFlags::OUT) {
            let written = rustix::io::write(self.terminal, &self.input)?;
            self.input.drain(..written);
        }
        if !typed.is_empty() {
            self.read_input(stdin.as_fd())?;
        }
        Ok((ended.contains(PollFlags::IN), !signalled.is_empty()))
    }

    fn read_input(&mut self, stdin: BorrowedFd<'_>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = rustix::io::retry_on_intr(|| rustix::io::read(stdin, &mut buffer))?;
        self.stdin_open = count != 0;
        self.input.extend(&buffer[..count]);
        Ok(())
    }

    /// Tells whether there was any.
    fn copy_output(&self) -> io::Result<bool> {
        let mut buffer = [0; 8192];
        let count = match rustix::io::retry_on_intr(|| rustix::io::read(self.terminal, &mut buffer))
        {
            // What a terminal answers once no process has its other end.
            Err(rustix::io::Errno::IO) => 0,
            result => result?,
        };
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::write(io::stdout(), rest))?;
            rest = &rest[written..];
        }
        Ok(count != 0)
    }

    /// What the command wrote last. Processes that it left behind may keep the terminal open: no end is waited for.
    fn drain(&self) -> io::Result<()> {
        loop {
            let mut watched = [PollFd::new(self.terminal, PollFlags::IN)];
            poll(&mut watched, Some(&Timespec::default()))?;
            if !watched[0].revents().contains(PollFlags::IN) || !self.copy_output()? {
                return Ok(());
            }
        }
    }
}

/// Gives the command's terminal the size of this process's own, if it has one.
pub(super) fn copy_window_size(terminal: &OwnedFd) {
    if let Ok(size) =
        termios::tcgetwinsize(io::stdin()).or_else(|_| termios::tcgetwinsize(io::stdout()))
    {
        let _ = termios::tcsetwinsize(terminal, size);
    }
}

/// This process's terminal passes every byte on until it is dropped.
struct RawMode {
    terminal: io::Stdin,
    before: Termios,
}

impl RawMode {
    /// `None` where standard input is no terminal.
    fn enter(terminal: io::Stdin) -> io::Result<Option<Self>> {
        if !termios::isatty(&terminal) {
            return Ok(None);
        }
        let before = termios::tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
