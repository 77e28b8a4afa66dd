//! The sending side: when each frame is due, and the loop that keeps to it.

use std::io;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

use super::Probe;
use super::error::ProbeError;
use super::frame::Template;
use super::interface::Interface;
use super::packet_socket::PacketSocket;

/// Before a due time, the sender sleeps until this many nanoseconds are left and spins through them: longer than a timer
/// of the kernel is usually late, and short enough to leave the processor to others at the rates of a check.
const SPIN_NS: u64 = 100_000;
/// The pause between warm-up and measurement, in nanoseconds: the network is empty again after it.
const PAUSE_NS: u64 = 20_000_000;

/// When each frame is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    warm_up: u32,
    count: u32,
    rate: u32,
}

/// What was sent, and when.
#[derive(Debug)]
pub(super) struct Sent {
    /// For each counted frame in order, just before its `send`: `CLOCK_REALTIME` in nanoseconds; 0 where the driver took none.
    pub(super) stamps: Vec<u64>,
    /// How late each `send` began after its due time, in nanoseconds.
    pub(super) lateness: Vec<u64>,
    /// From the first due time to the end of the last `send`, in nanoseconds.
    pub(super) elapsed_ns: u64,
    /// By how much `CLOCK_REALTIME` was moved against `CLOCK_MONOTONIC` meanwhile, in nanoseconds.
    pub(super) clock_shift_ns: i64,
}

impl Schedule {
    pub(super) fn new(probe: &Probe) -> Self {
        Self {
            warm_up: probe.warm_up,
            count: probe.count,
            rate: probe.rate_pps,
        }
    }

    /// Nanoseconds from the start to frame `index`, rounded down; never the sum of rounded gaps.
    fn due(&self, index: u32) -> u64 {
        u64::from(index) * 1_000_000_000 / u64::from(self.rate)
    }

    /// Sends all frames: ids 1 to `warm_up`, a pause, then `count` more.
    pub(super) fn send(
        self,
        interface: &Interface,
        mut template: Template,
    ) -> Result<Sent, ProbeError> {
        let socket = PacketSocket::sender(interface)?;
        let start = now(ClockId::CLOCK_MONOTONIC)?;
        for index in 0..self.warm_up {
            wait_until(start + self.due(index))?;
            let _ = transmit(&socket, interface, template.with_id(index + 1))?;
        }
        let capacity = self.count as usize;
        // Written once now, so that no page is missing during the run.
        let mut sent = Sent {
            stamps: vec![1; capacity],
            lateness: vec![1; capacity],
            elapsed_ns: 0,
            clock_shift_ns: 0,
        };
        let offset = clock_offset()?;
        let start = now(ClockId::CLOCK_MONOTONIC)? + PAUSE_NS;
        for index in 0..self.count {
            let due = start + self.due(index);
            let frame = template.with_id(self.warm_up + index + 1);
            let begun = wait_until(due)?;
            let stamp = now(ClockId::CLOCK_REALTIME)?;
            let taken = transmit(&socket, interface, frame)?;
            sent.stamps[index as usize] = if taken { stamp } else { 0 };
            sent.lateness[index as usize] = begun - due;
        }
        sent.elapsed_ns = now(ClockId::CLOCK_MONOTONIC)?.saturating_sub(start);
        sent.clock_shift_ns = clock_offset()? - offset;
        Ok(sent)
    }
}

/// Sends one frame; false if the driver's queue was full. Nothing is sent twice: the next frame is due.
fn transmit(
    socket: &PacketSocket,
    interface: &Interface,
    frame: &[u8],
) -> Result<bool, ProbeError> {
    match socket.send(frame) {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR)
            ) =>
        {
            Ok(false)
        }
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => Err(ProbeError::Long {
            size: frame.len(),
            interface: interface.name.clone(),
        }),
        Err(source) => Err(ProbeError::Socket {
            call: "send",
            interface: interface.name.clone(),
            source,
        }),
    }
}

/// Waits until `due` on `CLOCK_MONOTONIC` and tells the time then. Late already: returns at once.
fn wait_until(due: u64) -> Result<u64, ProbeError> {
    loop {
        let time = now(ClockId::CLOCK_MONOTONIC)?;
        if time >= due {
            return Ok(time);
        }
        if due - time > SPIN_NS {
            let wake = due - SPIN_NS;
            let wake = TimeSpec::new((wake / 1_000_000_000) as _, (wake % 1_000_000_000) as _);
            // Interrupted: looks at the clock again.
            let _ = clock_nanosleep(
                ClockId::CLOCK_MONOTONIC,
                ClockNanosleepFlags::TIMER_ABSTIME,
                &wake,
            );
        } else {
            std::hint::spin_loop();
        }
    }
}

/// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`, in nanoseconds.
fn clock_offset() -> Result<i64, ProbeError> {
    let (real, monotonic) = (
        now(ClockId::CLOCK_REALTIME)?,
        now(ClockId::CLOCK_MONOTONIC)?,
    );
    Ok(real.cast_signed() - monotonic.cast_signed())
}

/// A clock's time in nanoseconds.
pub(super) fn now(clock: ClockId) -> Result<u64, ProbeError> {
    let time = clock_gettime(clock).map_err(|error| ProbeError::Clock {
        call: "clock_gettime",
        source: io::Error::from(error),
    })?;
    Ok(time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_does_not_drift() {
        let schedule = Schedule {
            warm_up: 0,
            count: u32::MAX,
            rate: 3,
        };
        assert_eq!(
            [0, 1, 2, 3].map(|index| schedule.due(index)),
            [0, 333_333_333, 666_666_666, 1_000_000_000]
        );
        assert_eq!(
            schedule.due(3_000_000_000),
            1_000_000_000_000_000_000,
            "no overflow at the end of a long run"
        );
    }
}
