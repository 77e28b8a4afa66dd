//! Ends of wires that are tuned: born with their queues, their offloads on or off, and what differs found.

use pinwire_support::inside::{ip, links};
use pinwire_support::sandbox::{Sandbox, sandbox};
use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::setting::{Setting, apply};
use pinwire_wiring::wire::{Wire, WireEnd, create, delete, detuned};
use serde_json::{Value, json};

use crate::topology::wire;

fn tuning(value: Value) -> Tuning {
    serde_json::from_value(value).unwrap()
}

/// A wire whose first end is tuned.
fn tuned(sandbox: &Sandbox, value: Value) -> Wire {
    let mut wire = wire(sandbox, "a:eth0", "b:eth0");
    *wire.ends[0].tuning = tuning(value);
    wire
}

/// What an end has of what another tuning would have.
fn found(end: &WireEnd, value: Value) -> Option<(String, String)> {
    let end = WireEnd {
        tuning: Box::new(tuning(value)),
        ..end.clone()
    };
    detuned(&end)
        .unwrap()
        .map(|mismatch| (mismatch.key, mismatch.found))
}

#[test]
fn an_end_is_born_tuned_and_the_other_as_ever() {
    sandbox(|sandbox| {
        let [a, b] = ["a", "b"].map(|node| sandbox.netns(node));
        let asked =
            json!({"channels": {"rx": 2, "tx": 3}, "offloads": {"gro": true, "tso": false}});
        let wire = tuned(sandbox, asked);
        create(&wire).unwrap();
        let [one, other] = &wire.ends;
        assert_eq!(detuned(one).unwrap(), None);
        let queues = |netns: &Netns| {
            let link = &ip(netns, "link show dev eth0")[0];
            [link["num_rx_queues"].clone(), link["num_tx_queues"].clone()]
        };
        assert_eq!(queues(&a), [2, 3]);
        assert_eq!(queues(&b), [1, 1]);
        let cases = [
            (json!({"channels": {"rx": 1}}), "channels.rx", "2"),
            (json!({"channels": {"tx": 1}}), "channels.tx", "3"),
            (json!({"offloads": {"gro": false}}), "offloads.rx-gro", "on"),
            (
                json!({"offloads": {"tx-tcp-segmentation": true}}),
                "offloads.tx-tcp-segmentation",
                "off",
            ),
        ];
        for (value, key, is) in cases {
            assert_eq!(found(one, value), Some((key.to_owned(), is.to_owned())));
        }
        let ever = json!({"channels": {"rx": 1, "tx": 1}, "offloads": {"gro": false, "tso": true}});
        assert_eq!(found(other, ever), None);
        assert!(delete(&wire).is_empty());
    });
}

#[test]
fn what_somebody_else_changed_is_found() {
    sandbox(|sandbox| {
        let [a, _] = ["a", "b"].map(|node| sandbox.netns(node));
        let wire = tuned(sandbox, json!({"offloads": {"gro": true}}));
        create(&wire).unwrap();
        let change = Setting::Offload {
            interface: "eth0".parse().unwrap(),
            gro: false,
            tx_checksum: true,
        };
        apply(&a, &[change]).unwrap();
        let mismatch = detuned(&wire.ends[0]).unwrap().unwrap();
        assert_eq!(
            [&mismatch.key, &mismatch.wanted, &mismatch.found],
            ["offloads.rx-gro", "on", "off"]
        );
        assert!(delete(&wire).is_empty());
        assert_eq!(
            detuned(&wire.ends[0]).unwrap(),
            None,
            "what is gone is not tuned otherwise"
        );
    });
}

#[test]
fn an_offload_that_is_none_is_named() {
    sandbox(|sandbox| {
        let [a, _] = ["a", "b"].map(|node| sandbox.netns(node));
        let wire = tuned(sandbox, json!({"offloads": {"rx-nothing": true}}));
        let error = create(&wire).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            cause,
            "this kernel knows no offload `rx-nothing`: `ethtool -k eth0` lists them"
        );
        assert!(delete(&wire).is_empty());
        assert_eq!(links(&a), ["lo"]);
        // What a veth lacks is a warning.
        let wire = tuned(sandbox, json!({"offloads": {"lro": true, "gro": true}}));
        create(&wire).unwrap();
        assert_eq!(
            found(&wire.ends[0], json!({"offloads": {"gro": true}})),
            None
        );
        assert!(delete(&wire).is_empty());
    });
}
