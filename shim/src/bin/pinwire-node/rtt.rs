//! Round-trip times of numbered requests, and what became of each.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

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
    pub(crate) fn sent(&mut self, number: u64, now: Instant) {
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
