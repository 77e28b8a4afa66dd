//! What a probe found, ready to be printed or serialised. Percentiles that the samples are too few for are absent.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::error::ProbeError;

/// Significant decimal digits of the histogram's buckets.
const DIGITS: u8 = 2;

/// The result of a probe. Frames of the warm-up are in none of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Frames that the first interface's driver took.
    pub sent: u64,
    /// Frames that it did not take, its queue being full.
    pub refused: u64,
    /// Different frames that arrived.
    pub received: u64,
    /// Frames sent that neither arrived nor were dropped by the receiver: the network's loss.
    pub lost: u64,
    /// Frames that reached the receiving socket and found no room there.
    pub receiver_drops: u64,
    /// Further copies of frames that had arrived before.
    pub duplicated: u64,
    /// Frames that arrived after one sent later (RFC 4737).
    pub reordered: u64,
    /// Bytes received, Ethernet headers and duplicates included.
    pub bytes: u64,
    /// Frames per second by the schedule.
    pub offered_pps: u32,
    /// Frames per second that were really sent.
    pub sent_pps: f64,
    /// Time from the first frame's due time to the last one's departure, in nanoseconds.
    pub elapsed_ns: u64,
    /// Time from just before `send` to the arrival at the receiving interface; absent if nothing arrived.
    pub latency_ns: Option<Distribution>,
    /// How late `send` began after a frame's due time: what the sender, not the network, adds.
    pub lateness_ns: Option<Distribution>,
    /// Frames whose stamps tell no latency, since the clock went back.
    pub unusable_stamps: u64,
    /// By how much `CLOCK_REALTIME` was moved during the run, in nanoseconds: an error that latencies may have.
    pub clock_shift_ns: i64,
}

/// How nanoseconds are distributed over the samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Number of samples.
    pub samples: u64,
    /// The least.
    pub min: u64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The median, from 5 samples on.
    pub p50: Option<u64>,
    /// The 99th percentile, from 299 samples on.
    pub p99: Option<u64>,
    /// The 99.9th percentile, from 2995 samples on.
    #[serde(rename = "p99.9")]
    pub p99_9: Option<u64>,
    /// The 99.99th percentile, from 29,956 samples on.
    #[serde(rename = "p99.99")]
    pub p99_99: Option<u64>,
    /// The greatest.
    pub max: u64,
    /// The samples by size, in buckets of two significant digits, empty ones left out.
    pub histogram: Vec<Bucket>,
}

/// One bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// The greatest value that belongs to it, in nanoseconds.
    pub up_to: u64,
    /// Samples in it.
    pub count: u64,
}

impl Distribution {
    /// The distribution of `samples`; none if there are none.
    pub(super) fn of(mut samples: Vec<u64>) -> Result<Option<Self>, ProbeError> {
        samples.sort_unstable();
        let [Some(&min), Some(&max)] = [samples.first(), samples.last()] else {
            return Ok(None);
        };
        // The exact samples answer for the percentiles; the histogram is for the eye.
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, max.max(2), DIGITS).map_err(ProbeError::Bounds)?;
        for sample in &samples {
            histogram.record(*sample)?;
        }
        let buckets = histogram.iter_recorded().map(|value| Bucket {
            up_to: value.value_iterated_to(),
            count: value.count_since_last_iteration(),
        });
        Ok(Some(Self {
            samples: samples.len() as u64,
            min,
            mean: samples
                .iter()
                .map(|sample| u128::from(*sample))
                .sum::<u128>() as f64
                / samples.len() as f64,
            p50: percentile(&samples, 5_000),
            p99: percentile(&samples, 9_900),
            p99_9: percentile(&samples, 9_990),
            p99_99: percentile(&samples, 9_999),
            max,
            histogram: buckets.collect(),
        }))
    }
}

/// The smallest sample that `share` ten-thousandths of all samples do not exceed (SQL's `percentile_disc`). Absent below the
/// number of samples from which on the greatest one is an upper bound of it with 95 % confidence: ln 0.05 / ln share.
fn percentile(sorted: &[u64], share: usize) -> Option<u64> {
    let needed = 0.05_f64.ln() / (share as f64 / 1e4).ln();
    if (sorted.len() as f64) < needed {
        return None;
    }
    let rank = (sorted.len() * share).div_ceil(10_000);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_appear_with_enough_samples() {
        for (samples, expected) in [
            (1, [None; 4]),
            (4, [None; 4]),
            (5, [Some(2), None, None, None]),
            (298, [Some(148), None, None, None]),
            (299, [Some(149), Some(296), None, None]),
            (2995, [Some(1497), Some(2965), Some(2992), None]),
            (
                29_956,
                [Some(14_977), Some(29_656), Some(29_926), Some(29_953)],
            ),
        ] {
            let distribution = Distribution::of((0..samples).rev().collect())
                .expect("record")
                .expect("samples");
            let Distribution {
                p50,
                p99,
                p99_9,
                p99_99,
                ..
            } = distribution;
            assert_eq!([p50, p99, p99_9, p99_99], expected, "{samples} samples");
        }
        assert_eq!(Distribution::of(Vec::new()).expect("record"), None);
    }

    #[test]
    fn histogram_holds_every_sample() {
        let distribution = Distribution::of(vec![0, 1, 100, 101, 1_000_000, u64::MAX / 4])
            .expect("record")
            .expect("samples");
        assert_eq!(
            distribution
                .histogram
                .iter()
                .map(|bucket| bucket.count)
                .sum::<u64>(),
            6
        );
        assert!(
            distribution
                .histogram
                .is_sorted_by_key(|bucket| bucket.up_to)
        );
        assert_eq!(distribution.p99, None);
    }
}
