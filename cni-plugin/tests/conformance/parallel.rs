//! Many calls at once: a ring, all its pods added and deleted at the same time.

use std::thread;

use pinwire_support::inside::{answers, links};
use pinwire_support::wait::eventually;
use serde_json::Value;

use crate::lab::{Lab, lab};
use crate::topology::{call, node};

/// Pods of the ring.
const PODS: usize = 64;
/// The variable that says how many rounds are run; three unless it is set.
const ROUNDS: &str = "PINWIRE_PARALLEL_ROUNDS";

fn name(position: usize) -> String {
    format!("n{}", position % PODS)
}

fn annotations(position: usize) -> Value {
    let (next, last) = (name(position + 1), name(position + PODS - 1));
    node(
        &format!(
            "- {{interface: next, peer: {next}:last, addresses: [10.{position}.0.1/30]}}\n\
             - {{interface: last, peer: {last}:next, addresses: [10.{}.0.2/30]}}\n",
            (position + PODS - 1) % PODS
        ),
        "",
    )
}

fn all(lab: &Lab<'_>, verb: &str) {
    thread::scope(|scope| {
        for position in 0..PODS {
            scope.spawn(move || call(lab, verb, &name(position), &annotations(position)).ok());
        }
    });
}

#[test]
fn a_ring() {
    let rounds = std::env::var(ROUNDS)
        .ok()
        .map_or(3, |rounds| rounds.parse().unwrap());
    lab(move |lab| {
        let netns: Vec<_> = (0..PODS)
            .map(|position| lab.netns(&name(position)))
            .collect();
        for round in 0..rounds {
            all(lab, "ADD");
            for (position, netns) in netns.iter().enumerate() {
                assert_eq!(
                    links(netns),
                    ["last", "lo", "next"],
                    "round {round}, {}",
                    name(position)
                );
            }
            all(lab, "CHECK");
            for position in [0, PODS / 2, PODS - 1] {
                let next = format!("10.{position}.0.2");
                eventually("the next one answers", || answers(&netns[position], &next));
            }
            all(lab, "DEL");
            for (position, netns) in netns.iter().enumerate() {
                assert_eq!(links(netns), ["lo"], "round {round}, {}", name(position));
            }
            assert_eq!(lab.state_files(), [""; 0], "round {round}");
        }
    });
}
