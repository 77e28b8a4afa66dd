//! `pinwire probe`: whether packets cross a running topology, and how long they take.

use std::time::Duration;

use anyhow::{Context, bail};
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::name::MacAddress;
use pinwire_wiring::wire::Place;

use crate::cli::{Output, ProbeOptions};
use crate::output;
use crate::paths::Roots;
use crate::plan::Deployment;
use crate::probe::{Distribution, Outcome, Probe};
use crate::target;

/// How long the last packets may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Sends, receives, and prints what arrived; fails where nothing did.
pub(super) fn run(roots: &Roots, options: &ProbeOptions) -> anyhow::Result<()> {
    let (_, record) = target::topology(roots, options.target.as_deref())?;
    let probe = Probe {
        ingress: options.into.clone(),
        egress: options.out_of.clone(),
        destination_mac: match &options.first_hop {
            Some(hop) => interface(&record.deployment, hop)?,
            None => first_hop(&record.deployment, &options.into)?,
        },
        destination: options.to,
        count: options.count,
        rate_pps: options.rate,
        size: options.size,
        warm_up: Probe::WARM_UP,
        timeout: TIMEOUT,
        promiscuous: !options.no_promiscuous,
    };
    let outcome = probe.run()?;
    match options.output {
        Output::Json => output::json(&outcome)?,
        Output::Table => print(&outcome)?,
    }
    if outcome.received == 0 {
        bail!(
            "none of {} packets arrived at `{}`",
            outcome.sent,
            options.out_of
        );
    }
    Ok(())
}

/// The MAC address of the node's interface that a host interface leads to.
fn first_hop(deployment: &Deployment, interface: &str) -> anyhow::Result<MacAddress> {
    let is_entry = |end: &pinwire_wiring::wire::WireEnd| {
        end.place == Place::Host && end.interface.as_str() == interface
    };
    let wire = deployment
        .wires
        .iter()
        .find(|wire| wire.ends.iter().any(is_entry));
    let node = wire.and_then(|wire| wire.ends.iter().find(|end| end.place != Place::Host));
    let known: Vec<_> = deployment
        .wires
        .iter()
        .flat_map(|wire| &wire.ends)
        .filter(|end| end.place == Place::Host)
        .map(|end| end.interface.as_str())
        .collect();
    node.map(|end| end.mac).with_context(|| {
        format!(
            "topology `{}` has no end `host:{interface}`; its ends on this host are: {}",
            deployment.name,
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )
    })
}

/// The MAC address of a node's interface.
fn interface(deployment: &Deployment, hop: &Peer) -> anyhow::Result<MacAddress> {
    let found = match hop {
        Peer::Node { node, interface } => deployment
            .node(node.as_str())
            .and_then(|node| node.interfaces.iter().find(|one| one.name == *interface)),
        Peer::Host(_) => None,
    };
    let mac = found.map(|interface| interface.mac);
    mac.with_context(|| format!("topology `{}` has no interface `{hop}`", deployment.name))
}

fn print(outcome: &Outcome) -> std::io::Result<()> {
    println!(
        "{} of {} packets arrived: {} lost, {} duplicated, {} reordered, at {:.0} of {} packets per second\n",
        outcome.received,
        outcome.sent,
        outcome.lost,
        outcome.duplicated,
        outcome.reordered,
        outcome.sent_pps,
        outcome.offered_pps
    );
    if outcome.receiver_drops + outcome.refused > 0 {
        println!(
            "not counted as lost: {} refused by the first interface, {} without room in the receiving socket\n",
            outcome.refused, outcome.receiver_drops
        );
    }
    let rows = [
        ("latency", &outcome.latency_ns),
        ("sent late by", &outcome.lateness_ns),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(name, distribution)| Some(row(name, distribution.as_ref()?)));
    output::table(["µs", "MIN", "P50", "P99", "P99.9", "P99.99", "MAX"], rows)
}

fn row(name: &str, distribution: &Distribution) -> [String; 7] {
    let micro = |nanoseconds: u64| format!("{:.1}", nanoseconds as f64 / 1e3);
    let some = |nanoseconds: Option<u64>| nanoseconds.map_or_else(|| "n/a".to_owned(), micro);
    [
        name.to_owned(),
        micro(distribution.min),
        some(distribution.p50),
        some(distribution.p99),
        some(distribution.p99_9),
        some(distribution.p99_99),
        micro(distribution.max),
    ]
}
