//! From what was sent and what arrived to what is reported. Pure.

use super::Probe;
use super::error::ProbeError;
use super::outcome::{Distribution, Outcome};
use super::receiver::Received;
use super::sender::Sent;

/// Counts losses, duplicates and reordered frames, and distributes latencies.
pub(super) fn tally(probe: &Probe, sent: Sent, received: Received) -> Result<Outcome, ProbeError> {
    if !received.stamped && !received.arrivals.is_empty() {
        return Err(ProbeError::NoStamps {
            interface: probe.egress.clone(),
        });
    }
    let fates = Fates::of(&sent, &received);
    let taken = sent.stamps.iter().filter(|stamp| **stamp != 0).count() as u64;
    let seconds = sent.elapsed_ns as f64 / 1e9;
    Ok(Outcome {
        sent: taken,
        refused: sent.stamps.len() as u64 - taken,
        received: fates.received,
        lost: taken
            .saturating_sub(fates.received)
            .saturating_sub(received.dropped),
        receiver_drops: received.dropped,
        duplicated: fates.duplicated,
        reordered: fates.reordered,
        bytes: received.bytes,
        offered_pps: probe.rate_pps,
        sent_pps: if seconds > 0.0 {
            taken as f64 / seconds
        } else {
            0.0
        },
        elapsed_ns: sent.elapsed_ns,
        unusable_stamps: fates.received - fates.latencies.len() as u64,
        latency_ns: Distribution::of(fates.latencies)?,
        lateness_ns: Distribution::of(sent.lateness)?,
        clock_shift_ns: sent.clock_shift_ns,
    })
}

/// What became of the frames.
#[derive(Default)]
struct Fates {
    received: u64,
    duplicated: u64,
    reordered: u64,
    /// Of the first copies, as far as their stamps can be.
    latencies: Vec<u64>,
}

impl Fates {
    fn of(sent: &Sent, received: &Received) -> Self {
        let mut fates = Self::default();
        let mut seen = vec![false; sent.stamps.len()];
        let mut next = 0;
        for arrival in &received.arrivals {
            let index = arrival.index as usize;
            if std::mem::replace(&mut seen[index], true) {
                fates.duplicated += 1;
                continue;
            }
            fates.received += 1;
            // RFC 4737, section 3.3: reordered is what comes after something that was sent later.
            if arrival.index < next {
                fates.reordered += 1;
            } else {
                next = arrival.index + 1;
            }
            let stamps = Some(sent.stamps[index]).filter(|stamp| *stamp != 0);
            fates
                .latencies
                .extend(stamps.and_then(|sent| arrival.stamp.checked_sub(sent)));
        }
        fates
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    use pinwire_wiring::name::MacAddress;

    use super::super::receiver::Arrival;
    use super::*;

    fn outcome(
        stamps: &[u64],
        arrivals: &[(u32, u64)],
        dropped: u64,
    ) -> Result<Outcome, ProbeError> {
        let probe = Probe {
            ingress: "in".to_owned(),
            egress: "out".to_owned(),
            destination_mac: MacAddress::from_bytes([2; 6]),
            destination: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1),
            count: stamps.len() as u32,
            rate_pps: 1000,
            size: 84,
            warm_up: 0,
            timeout: Duration::ZERO,
            promiscuous: true,
        };
        let sent = Sent {
            stamps: stamps.to_vec(),
            lateness: vec![0; stamps.len()],
            elapsed_ns: 1_000_000,
            clock_shift_ns: 0,
        };
        let arrivals = arrivals
            .iter()
            .map(|(index, stamp)| Arrival {
                index: *index,
                stamp: *stamp,
            })
            .collect();
        tally(
            &probe,
            sent,
            Received {
                arrivals,
                bytes: 0,
                stamped: true,
                dropped,
            },
        )
    }

    #[test]
    fn counts_each_fate_once() {
        let stamps = [10, 20, 30, 40, 50, 0];
        // 1 is lost; 3 overtakes 2, which comes twice; 5 was never taken by the driver.
        let arrivals = [(0, 15), (3, 47), (2, 49), (2, 60), (4, 57)];
        let outcome = outcome(&stamps, &arrivals, 0).expect("tally");
        assert_eq!(
            (
                outcome.sent,
                outcome.refused,
                outcome.received,
                outcome.lost,
                outcome.duplicated,
                outcome.reordered
            ),
            (5, 1, 4, 1, 1, 1)
        );
        let latency = outcome.latency_ns.expect("four samples");
        assert_eq!(
            (latency.samples, latency.min, latency.max),
            (4, 5, 19),
            "the first copy counts"
        );
    }

    #[test]
    fn drops_of_the_receiver_are_no_loss_of_the_network() {
        let outcome = outcome(&[10, 20, 30], &[(0, 15)], 2).expect("tally");
        assert_eq!((outcome.lost, outcome.receiver_drops), (0, 2));
    }

    #[test]
    fn stamps_before_the_sending_are_left_out_and_told() {
        let outcome = outcome(&[10, 20], &[(0, 9), (1, 25)], 0).expect("tally");
        assert_eq!((outcome.received, outcome.unusable_stamps), (2, 1));
        assert_eq!(outcome.latency_ns.expect("one sample").max, 5);
    }
}
