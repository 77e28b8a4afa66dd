//! The JSON of docs/podman.md does what it says; its commands are run by tests/podman.
//!
//! A fenced block `json network` is the input of a `create`, `json created` or `json refused` after it what that prints; a
//! block `json setup` is that of a `setup`, `json status` what that prints.

use pinwire_cni::netavark::NAME;
use serde_json::Value;

use super::call::{driver, driver_for};
use crate::documentation::blocks;
use crate::lab::lab;

const DOCUMENT: &str = include_str!("../../../../docs/podman.md");

#[test]
fn examples() {
    lab(|lab| {
        lab.netns("web");
        let blocks = blocks(DOCUMENT);
        let json = |text: &str| -> Value {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        let mut run = 0;
        for pair in blocks.windows(2) {
            let [(kind, input), (result, expected)] = pair else {
                continue;
            };
            match (*kind, *result) {
                ("network", "created") => {
                    assert_eq!(driver(lab, &["create"], &json(input)).ok(), json(expected));
                }
                ("network", "refused") => {
                    let reply = driver(lab, &["create"], &json(input)).run();
                    assert_eq!((reply.code, reply.value()), (Some(1), json(expected)));
                }
                ("setup", "status") => {
                    let call = |verb| driver_for(lab, verb, "web", &json(input));
                    assert_eq!(call("setup").ok(), json(expected));
                    assert_eq!(call("teardown").ok(), Value::Null);
                }
                ("network" | "setup", other) => panic!("no such kind of example: {other}"),
                _ => continue,
            }
            run += 1;
        }
        assert!(run >= 4, "only {run} examples");
    });
}

#[test]
fn every_option_is_documented() {
    assert!(DOCUMENT.contains(&format!("--driver {NAME} ")));
    for option in ["mtu", "masquerade", "metric", "no_default_route"] {
        assert!(DOCUMENT.contains(&format!("| `{option}` |")), "{option}");
    }
}
