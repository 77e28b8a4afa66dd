//! The receiving side: a thread that takes frames out of the socket's buffer. It sleeps between looks rather than in the
//! system call, so that no arrival costs the network a wake-up; the stamps are the kernel's and do not care.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use nix::time::ClockId;

use super::batch::Batch;
use super::error::ProbeError;
use super::interface::Interface;
use super::packet_socket::PacketSocket;
use super::sender::now;
use super::{Probe, frame};

/// How long the receiver sleeps when nothing is there.
const NAP: Duration = Duration::from_millis(1);
/// How long it listens for duplicates when all has come.
const LINGER: Duration = Duration::from_millis(20);
/// What the kernel counts for a small frame in a socket's buffer, in bytes, amply.
const FRAME_COST: u64 = 1536;
/// Bounds of the socket's buffer, in bytes: the kernel doubles what it is asked for.
const BUFFER: (u64, u64) = (4 << 20, 256 << 20);
/// The kernel begins to stamp a moment after it is asked to (`net_enable_timestamp`, net/core/dev.c: deferred work).
const STAMPING_BEGINS: Duration = Duration::from_millis(10);

/// The sender's states, as [`SenderState`] holds them.
const RUNNING: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;

/// How far the sender is, for the receiver.
#[derive(Clone, Debug, Default)]
pub(super) struct SenderState(Arc<AtomicU8>);

impl SenderState {
    /// The sender is done, or has failed and nothing need be waited for.
    pub(super) fn finish(&self, successfully: bool) {
        self.0
            .store(if successfully { DONE } else { FAILED }, Ordering::Release);
    }
}

/// A frame that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Counted from 0, without the warm-up.
    pub(super) index: u32,
    /// `CLOCK_REALTIME` in nanoseconds.
    pub(super) stamp: u64,
}

/// All that was received.
#[derive(Debug)]
pub(super) struct Received {
    /// Counted frames in the order of their arrival, duplicates included.
    pub(super) arrivals: Vec<Arrival>,
    /// Bytes of these frames.
    pub(super) bytes: u64,
    /// Whether at least one stamp was older than the system call that delivered it.
    pub(super) stamped: bool,
    /// Frames of which the socket had no room; lost here, not in the network.
    pub(super) dropped: u64,
}

/// An open receiving socket.
pub(super) struct Receiver<'a> {
    socket: PacketSocket,
    probe: &'a Probe,
}

impl<'a> Receiver<'a> {
    /// Opens the socket, and waits until the kernel stamps frames.
    pub(super) fn open(interface: &Interface, probe: &'a Probe) -> Result<Self, ProbeError> {
        let frames = u64::from(probe.count) + u64::from(probe.warm_up);
        let buffer = (frames * FRAME_COST).clamp(BUFFER.0, BUFFER.1) / 2;
        let socket = PacketSocket::receiver(
            interface,
            probe.destination,
            i32::try_from(buffer).unwrap_or(i32::MAX),
        )?;
        if probe.promiscuous {
            socket.accept_any_address(interface)?;
        }
        std::thread::sleep(STAMPING_BEGINS);
        Ok(Self { socket, probe })
    }

    /// Receives until everything has come, or `timeout` has passed since the sender's end.
    pub(super) fn run(
        self,
        progress: &SenderState,
        timeout: Duration,
    ) -> Result<Received, ProbeError> {
        let mut collector = Collector::new(self.probe);
        let mut batch = Batch::new();
        let mut sender_end = None;
        loop {
            let called = now(ClockId::CLOCK_REALTIME)?;
            let taken = self.socket.receive(&mut batch)?;
            for index in 0..taken {
                let (head, length, stamp) = batch.frame(index);
                collector.add(head, length, stamp.unwrap_or(0), called);
            }
            match progress.0.load(Ordering::Acquire) {
                RUNNING => {}
                FAILED => break,
                _ => {
                    let end = *sender_end.get_or_insert_with(Instant::now);
                    let quiet = if collector.missing == 0 {
                        LINGER.min(timeout)
                    } else {
                        timeout
                    };
                    if end.elapsed() >= timeout || end.max(collector.last).elapsed() >= quiet {
                        break;
                    }
                }
            }
            if taken == 0 {
                std::thread::sleep(NAP);
            }
        }
        collector.received.dropped = self.socket.take_drops()?;
        Ok(collector.received)
    }
}

/// Recognises frames and keeps those that count.
struct Collector<'a> {
    probe: &'a Probe,
    received: Received,
    /// One bit per counted id.
    seen: Vec<u64>,
    /// Counted ids not seen yet.
    missing: u32,
    /// When the last frame was taken.
    last: Instant,
}

impl<'a> Collector<'a> {
    fn new(probe: &'a Probe) -> Self {
        let count = probe.count as usize;
        let received = Received {
            arrivals: Vec::with_capacity(count),
            bytes: 0,
            stamped: false,
            dropped: 0,
        };
        let seen = vec![0; count.div_ceil(64)];
        Self {
            probe,
            received,
            seen,
            missing: probe.count,
            last: Instant::now(),
        }
    }

    /// `called` is when the system call began that delivered the frame.
    fn add(&mut self, head: &[u8], length: usize, stamp: u64, called: u64) {
        let Some(id) = frame::id(head, self.probe.destination) else {
            return;
        };
        let Some(index) = id
            .checked_sub(self.probe.warm_up + 1)
            .filter(|index| *index < self.probe.count)
        else {
            return;
        };
        self.received.stamped |= stamp < called;
        self.received.bytes += length as u64;
        self.received.arrivals.push(Arrival { index, stamp });
        self.last = Instant::now();
        let (word, bit) = (index as usize / 64, 1_u64 << (index % 64));
        if self.seen[word] & bit == 0 {
            self.seen[word] |= bit;
            self.missing -= 1;
        }
    }
}
