//! Annotations of the suite, changed at random, always in the same way: both readers come to the same verdict.
//! `PROPTEST_CASES=100000` for the long form.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::both::{self, Written};
use crate::{manifests, plan};

/// What YAML and annotations give a meaning.
const TOKENS: [&str; 44] = [
    ":",
    "-",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "|",
    ">",
    "\n",
    "\t",
    " ",
    "'",
    "\"",
    "#",
    "!!str ",
    "!!int ",
    "<<: ",
    "? ",
    "---\n",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "1",
    "1.5",
    "1e9",
    "0x10",
    ".inf",
    "10.0.0.0/24",
    "10.0.0.1/24",
    "::/0",
    "fe80::1",
    "host:",
    "default",
    "lo",
    "type: vf, ",
    "mtu: 70000, ",
    "vf: {pool: lan}, ",
    "\u{feff}",
    "é",
];

/// One change: of which pod, of which of its annotations, where, and what.
#[derive(Clone, Debug)]
struct Change {
    pod: Index,
    annotation: Index,
    at: Index,
    delete: usize,
    insert: &'static str,
}

fn change() -> impl Strategy<Value = Change> {
    let insert = prop_oneof![Just(""), prop::sample::select(&TOKENS[..])];
    let index = any::<Index>;
    (index(), index(), index(), 0..12_usize, insert).prop_map(
        |(pod, annotation, at, delete, insert)| Change {
            pod,
            annotation,
            at,
            delete,
            insert,
        },
    )
}

fn apply(change: &Change, pods: &mut [Written]) {
    let pod = change.pod.index(pods.len());
    let annotations = &mut pods[pod].annotations;
    if annotations.is_empty() {
        return;
    }
    let which = change.annotation.index(annotations.len());
    let text = annotations.values_mut().nth(which).unwrap();
    let mut letters: Vec<char> = text.chars().collect();
    let at = change.at.index(letters.len() + 1);
    let end = letters.len().min(at + change.delete);
    letters.splice(at..end, change.insert.chars());
    *text = letters.into_iter().collect();
}

#[test]
fn changed_annotations_have_one_verdict_and_one_plan() {
    let texts = manifests().into_iter();
    let texts = texts.filter_map(|(_, bytes)| String::from_utf8(bytes).ok());
    let mut seeds: Vec<_> = texts.filter_map(|text| both::pods(&text).ok()).collect();
    seeds.retain(|pods| pods.len() < 8);
    let (config, random) = (
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng,
    );
    let config = Config {
        failure_persistence: None,
        cases: config.cases.max(512),
        ..config
    };
    let mut runner = TestRunner::new_with_rng(config, random(Default::default()));
    let strategy = (any::<Index>(), prop::collection::vec(change(), 1..4));
    runner
        .run(&strategy, |(seed, changes)| {
            let mut pods = seeds[seed.index(seeds.len())].clone();
            changes.iter().for_each(|change| apply(change, &mut pods));
            let name = format!("{pods:#?}");
            if let Some((topology, pods)) = both::verdict(&name, &pods) {
                plan::compare(&name, &topology, &pods);
            }
            Ok(())
        })
        .unwrap();
}
