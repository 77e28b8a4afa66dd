//! Numbered requests at a steady pace: what became of each, and the round-trip times.

use std::collections::HashMap;
use std::fmt;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::signals::{Event, Signals};

/// How a tool exchanges requests and answers over its socket, which does not block.
pub(crate) trait Exchange {
    /// The socket that answers come by.
    fn socket(&self) -> &UdpSocket;

    /// Sends request `number`. One that cannot be sent counts as lost.
    fn send(&mut self, number: u64);

    /// Takes all answers that are there; `next` is the number of the next request.
    fn receive(&mut self, next: u64, round_trips: &mut RoundTrips) -> Result<(), Failure>;
}

/// Sends `count` requests, of which number n is due at the start plus `due(n)`, whatever happened to those before it. Ends
/// `patience` after the last one, at the last answer, or when asked to.
pub(crate) fn exchange(
    tool: &mut impl Exchange,
    signals: &Signals,
    count: u64,
    due: impl Fn(u64) -> Duration,
    patience: Duration,
) -> Result<RoundTrips, Failure> {
    let mut round_trips = RoundTrips::default();
    let start = Instant::now();
    let mut deadline = start;
    let mut next = 0;
    loop {
        if next < count && Instant::now() >= deadline {
            round_trips.sent(next, Instant::now());
            tool.send(next);
            next += 1;
            deadline = if next < count {
                start + due(next)
            } else {
                Instant::now() + patience
            };
        }
        if next == count && round_trips.complete() {
            return Ok(round_trips);
        }
        match signals.wait(Some(tool.socket().as_fd()), Some(deadline))? {
            Event::Readable => tool.receive(next, &mut round_trips)?,
            Event::Timeout if next == count => return Ok(round_trips),
            Event::Timeout => {}
            Event::Signal(_) => return Ok(round_trips),
        }
    }
}

/// Requests sent and answered.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips {
    outstanding: HashMap<u64, Instant>,
    sent: u64,
    duplicates: u64,
    times: Vec<Duration>,
}

impl RoundTrips {
    /// Request `number` is about to be sent.
    fn sent(&mut self, number: u64, now: Instant) {
        self.outstanding.insert(number, now);
        self.sent += 1;
    }

    /// An answer to `number` came; its round-trip time unless there was one before.
    pub(crate) fn answered(&mut self, number: u64, now: Instant) -> Option<Duration> {
        let Some(sent) = self.outstanding.remove(&number) else {
            self.duplicates += u64::from(number < self.sent);
            return None;
        };
        let time = now.duration_since(sent);
        self.times.push(time);
        Some(time)
    }

    /// Whether every request was answered.
    pub(crate) fn complete(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// Whether any request was answered.
    pub(crate) fn any_answer(&self) -> bool {
        !self.times.is_empty()
    }
}

impl fmt::Display for RoundTrips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.times.len() as u64;
        let lost = self.sent - received;
        let percent = if self.sent == 0 {
            0.0
        } else {
            100.0 * lost as f64 / self.sent as f64
        };
        write!(
            formatter,
            "{} sent, {received} received, {lost} lost ({percent:.3} %)",
            self.sent
        )?;
        if self.duplicates > 0 {
            write!(formatter, ", {} duplicates", self.duplicates)?;
        }
        let mut times = self.times.clone();
        times.sort_unstable();
        let [Some(min), Some(max)] = [times.first(), times.last()] else {
            return Ok(());
        };
        let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(u32::MAX);
        write!(
            formatter,
            "\nrtt min/mean/p50/max {}/{}/{}/{} ms",
            Milliseconds(*min),
            Milliseconds(mean),
            Milliseconds(times[times.len() / 2]),
            Milliseconds(*max)
        )
    }
}

/// A duration in milliseconds, to the microsecond.
pub(crate) struct Milliseconds(pub(crate) Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}", self.0.as_secs_f64() * 1e3)
    }
}
