//! Values that people write: both readers take them, or neither does.

mod ends;
mod forwarding;
mod link;

use std::collections::BTreeMap;

use crate::both::{Written, called, pods, validated, verdict};
use crate::plan;

fn written(name: &str, links: &str, forwarding: &str) -> Written {
    let annotations = [
        ("pinwire.dev/topology", "t"),
        ("pinwire.dev/links", links),
        ("pinwire.dev/forwarding", forwarding),
    ];
    let given = annotations.into_iter().filter(|(_, text)| *text != "-");
    Written {
        namespace: None,
        name: name.to_owned(),
        annotations: given
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .collect(),
    }
}

/// Fails unless both readers accept or refuse the pods as expected, and plan the same.
fn check(name: &str, expected: bool, pods: &[Written]) {
    let read = verdict(name, pods);
    assert_eq!(
        read.is_some(),
        expected,
        "{name}: {:#?} {:#?}",
        validated(pods).map(drop),
        called(pods).map(drop)
    );
    if let Some((topology, pods)) = read {
        plan::compare(name, &topology, &pods);
    }
}

/// A host's end besides, so that there is one right link at least.
fn link(name: &str, expected: bool, link: &str) {
    check(name, expected, &[written("a", link, "-")]);
}

fn forwarding(name: &str, expected: bool, text: &str) {
    let links = "- {interface: x, peer: host:t-x, addresses: [10.0.0.1/24, 'fd00::1/64']}\n\
                 - {interface: y.1, peer: host:t-y, addresses: [10.0.1.1/24]}\n\
                 - {interface: v, type: vf, vf: {driver: vfio-pci}}";
    check(name, expected, &[written("a", links, text)]);
}

fn pair(name: &str, expected: bool, one: &str, other: &str) {
    let one = written("a", &format!("- {{interface: x, peer: b:y{one}}}"), "-");
    let other = written("b", &format!("- {{interface: y, peer: a:x{other}}}"), "-");
    check(name, expected, &[one.clone(), other.clone()]);
    check(name, expected, &[other, one]);
}

#[test]
fn links_as_they_are_written() {
    for (expected, text) in [
        (true, ""),
        (true, "   \n"),
        (true, "# nothing"),
        (true, "null"),
        (true, "~"),
        (true, "[]"),
        (true, "---\n"),
        (true, "---\n[]\n"),
        (true, "---\n[]\n...\n"),
        (false, "{}"),
        (false, "text"),
        (false, "1"),
        (false, "- null"),
        (false, "- text"),
        (false, "- [x, 'host:h']"),
        (false, "[]\n---\n[]\n"),
        (true, "[]\n---\n"),
        (false, "{"),
        (true, "\t- {interface: x, peer: host:h}"),
        (false, "a: &a [*a]"),
        (false, "- *b"),
        (true, "- &l {interface: x, peer: 'host:h'}"),
        (
            true,
            "- &l\n  interface: x\n  peer: host:h\n- <<: *l\n  interface: y\n  peer: host:i",
        ),
        (
            true,
            "[\n\t{\"interface\": \"x\",\t\"peer\": \"host:h\"}\n]",
        ),
        (
            true,
            "[{\"interface\": \"x\", \"peer\": \"host:h\", \"mtu\": 1500,}]",
        ),
        (
            false,
            "[{\"interface\": \"x\", \"interface\": \"y\", \"peer\": \"host:h\"}]",
        ),
        (false, "- {interface: x, interface: y, peer: 'host:h'}"),
        (true, "- {\"\\u0069nterface\": x, peer: \"host:\\u0068\"}"),
        (true, "- interface: x\r\n  peer: host:h\r\n"),
        (true, "\u{feff}- {interface: x, peer: 'host:h'}"),
        (true, "- interface: >-\n    x\n  peer: |-\n    host:h\n"),
        (false, "- interface: >\n    x\n  peer: host:h\n"),
        (false, "- !!set {interface: x, peer: 'host:h'}"),
        (false, "- !link {interface: x, peer: 'host:h'}"),
        (true, "- {interface: !!str 0, peer: 'host:h'}"),
        (false, "- {interface: x, peer: 'host:h', Interface: y}"),
        (false, "- {interface: x, peer: 'host:h', ~: y}"),
        (false, "- {interface: x, peer: 'host:h', 1: y}"),
        (false, "- {interface: x, peer: 'host:h', [a]: y}"),
    ] {
        link(&format!("{text:?}"), expected, text);
    }
}

#[test]
fn names_and_annotations() {
    let base = written("a", "- {interface: x, peer: 'host:h'}", "-");
    for (expected, key, text) in [
        (true, "example.com/other", "x"),
        (true, "pinwire.dev/topology", "other"),
        (false, "pinwire.dev/topology", ""),
        (false, "pinwire.dev/topology", "t\n"),
        (false, "pinwire.dev/topology", " t"),
        (false, "pinwire.dev/topology", "My Topology"),
        (true, "pinwire.dev/node", "b"),
        (false, "pinwire.dev/node", ""),
        (false, "pinwire.dev/node", "host"),
        (false, "pinwire.dev/node", " host "),
        (false, "pinwire.dev/node", "B"),
        (false, "pinwire.dev/node", "b.c"),
        (false, "pinwire.dev/isolation", "cpus: '1'"),
        (false, "pinwire.dev/isolation", ""),
        (false, "pinwire.dev/linkz", ""),
    ] {
        let mut pod = base.clone();
        pod.annotations.insert(key.to_owned(), text.to_owned());
        check(&format!("{key}: {text:?}"), expected, &[pod]);
    }
    for (expected, name) in [(true, "a-1"), (false, "host"), (false, "a.b"), (false, "A")] {
        let pod = Written {
            name: name.to_owned(),
            ..base.clone()
        };
        check(name, expected, &[pod]);
    }
    let alone = BTreeMap::from([("pinwire.dev/isolation".to_owned(), "cpus: '1'".to_owned())]);
    let pod = Written {
        annotations: alone,
        ..base
    };
    assert!(called(&[pod]).is_err(), "without a topology as well");
    assert_eq!(pods("kind: Deployment"), Err("it is no pod"));
}
