//! What is compared with what: the pure part of `up`, as a table.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use pinwire::change::{Changes, Counts, Observed, ObservedNode};
use pinwire::image::Image;
use pinwire::paths::{Roots, TopologyPaths};
use pinwire::plan::{Deployment, Mode};
use pinwire::topology;
use pinwire_shim::workload::ImageConfig;
use pinwire_wiring::wire::Place;

const IMAGE: &str = "localhost/pinwire-node:latest";

fn paths() -> TopologyPaths {
    let roots = Roots {
        state: "/state".into(),
        data: "/data".into(),
    };
    roots.topology(&"line".parse().unwrap())
}

/// A line of nodes; the last one has a wire to the host.
fn line(nodes: usize, mtu: u32, argument: &str, route: &str) -> Deployment {
    let mut text = String::new();
    for index in 1..=nodes {
        let mut links = String::new();
        if index > 1 {
            let peer = index - 1;
            links += &format!(
                "      - {{interface: left, peer: \"n{peer}:right\", addresses: [10.9.{peer}.2/24], mtu: {mtu}}}\n"
            );
        }
        if index < nodes {
            let peer = index + 1;
            links += &format!(
                "      - {{interface: right, peer: \"n{peer}:left\", addresses: [10.9.{index}.1/24], mtu: {mtu}}}\n"
            );
        } else {
            links += "      - {interface: out, peer: host:pw-line, addresses: [192.0.2.2/24], hostAddresses: [192.0.2.1/24]}\n";
        }
        text += &format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: n{index}\n  annotations:\n    pinwire.dev/topology: line\n    \
             pinwire.dev/links: |\n{links}    pinwire.dev/forwarding: |\n      routes: [{route}]\nspec:\n  \
             containers: [{{name: node, image: {IMAGE}, args: [{argument}]}}]\n"
        );
    }
    let (topology, _) = topology::parse([("line.yaml", text.into_bytes())], None).unwrap();
    let image = Image {
        reference: IMAGE.parse().unwrap(),
        digest: format!("sha256:{:064x}", 1).parse().unwrap(),
        layers: vec![PathBuf::from("/data/layers/1")],
        config: ImageConfig::default(),
    };
    let images = BTreeMap::from([(IMAGE.to_owned(), image)]);
    let pools = pinwire_wiring::annotation::Pools::new();
    Deployment::of(&topology, Mode::Container, &paths(), &images, &pools).unwrap()
}

/// All of a deployment, as it is found when nobody touched it.
fn whole(deployment: &Deployment) -> Observed {
    let at = |place: &Place| ObservedNode {
        altnames: deployment
            .wires
            .iter()
            .flat_map(|wire| &wire.ends)
            .filter(|end| end.place == *place)
            .map(|end| end.altname.clone())
            .collect(),
        is_configured: true,
        ..ObservedNode::default()
    };
    let nodes = deployment.nodes.iter().map(|node| {
        let mut seen = at(&Place::Netns(node.netns.clone()));
        seen.running = node
            .containers
            .iter()
            .map(|container| container.id.clone())
            .collect();
        (node.name.clone(), seen)
    });
    Observed {
        nodes: nodes.collect(),
        host: at(&Place::Host),
    }
}

struct Case {
    name: &'static str,
    old: Deployment,
    broken: fn(&mut Observed),
    new: Deployment,
    expected: Counts,
}

fn counts(created: [usize; 3], removed: [usize; 3], namespaces_set: usize) -> Counts {
    let [nodes_created, wires_created, containers_started] = created;
    let [nodes_removed, wires_deleted, containers_stopped] = removed;
    Counts {
        nodes_created,
        nodes_removed,
        wires_created,
        wires_deleted,
        vfs_attached: 0,
        vfs_detached: 0,
        namespaces_set,
        containers_started,
        containers_stopped,
    }
}

fn cases() -> Vec<Case> {
    let plain = |nodes| line(nodes, 1500, "a", "");
    let nothing = || Deployment::empty("line".parse().unwrap(), Mode::Container);
    let case = |name, old, broken, new, expected| Case {
        name,
        old,
        broken,
        new,
        expected,
    };
    let untouched: fn(&mut Observed) = |_| {};
    vec![
        case(
            "first up",
            nothing(),
            |seen| *seen = Observed::default(),
            plain(3),
            counts([3, 3, 3], [0; 3], 4),
        ),
        case(
            "nothing differs",
            plain(3),
            untouched,
            plain(3),
            counts([0; 3], [0; 3], 0),
        ),
        case(
            "down by nothing",
            plain(3),
            untouched,
            nothing(),
            counts([0; 3], [3, 3, 3], 0),
        ),
        case(
            "grows",
            plain(2),
            untouched,
            plain(3),
            counts([1, 2, 1], [0, 1, 0], 3),
        ),
        case(
            "shrinks",
            plain(3),
            untouched,
            plain(2),
            counts([0, 1, 0], [1, 2, 1], 2),
        ),
        case(
            "other MTU",
            plain(3),
            untouched,
            line(3, 9000, "a", ""),
            counts([0, 2, 0], [0, 2, 0], 3),
        ),
        case(
            "other argument",
            plain(3),
            untouched,
            line(3, 1500, "b", ""),
            counts([0, 0, 3], [0, 0, 3], 0),
        ),
        case(
            "other route",
            plain(1),
            untouched,
            line(1, 1500, "a", "{to: default, via: 192.0.2.1}"),
            counts([0; 3], [0; 3], 1),
        ),
        case(
            "container ended",
            plain(3),
            |seen| n2(seen).running.clear(),
            plain(3),
            counts([0, 0, 1], [0, 0, 1], 0),
        ),
        case(
            "interface deleted",
            plain(3),
            |seen| n2(seen).altnames.clear(),
            plain(3),
            counts([0, 2, 0], [0, 2, 0], 3),
        ),
        case(
            "address deleted",
            plain(3),
            |seen| n2(seen).is_configured = false,
            plain(3),
            counts([0; 3], [0; 3], 1),
        ),
        case(
            "host's address deleted",
            plain(3),
            |seen| seen.host.is_configured = false,
            plain(3),
            counts([0; 3], [0; 3], 1),
        ),
        case(
            "namespace gone",
            plain(3),
            |seen| drop(seen.nodes.remove(&"n2".parse().unwrap())),
            plain(3),
            counts([1, 2, 1], [0, 2, 1], 3),
        ),
    ]
}

fn n2(observed: &mut Observed) -> &mut ObservedNode {
    observed.nodes.get_mut(&"n2".parse().unwrap()).unwrap()
}

#[test]
fn only_what_differs_is_changed() {
    for case in cases() {
        let mut observed = whole(&case.old);
        (case.broken)(&mut observed);
        let changes = Changes::between(&case.old, &observed, &case.new);
        assert_eq!(changes.counts(), case.expected, "{}", case.name);
        assert_eq!(
            changes.is_empty(),
            changes.counts() == Counts::default() && changes.unset.is_empty(),
            "{}",
            case.name
        );
    }
}

#[test]
fn an_interrupted_change_is_led_back_by_the_same_comparison() {
    let (old, new) = (line(3, 1500, "a", ""), line(5, 9000, "b", ""));
    let both = old.union(&new);
    assert_eq!(both.nodes.len(), 5);
    // Nothing of the new one was made yet: what is kept of the old one is not made again.
    let back = Changes::between(&both, &whole(&old), &old);
    assert!(back.create.is_empty(), "{back:?}");
    assert!(back.connect.is_empty(), "{back:?}");
    assert!(
        back.disconnect.iter().all(|wire| !old.wires.contains(wire)),
        "{back:?}"
    );
    // All of the new one was made: all of it goes. An interface of the same name has another MTU, which whoever looks sees.
    let mut seen = whole(&new);
    let differing = old.wires.iter().filter(|wire| !new.wires.contains(wire));
    for end in differing.flat_map(|wire| &wire.ends) {
        seen.host.altnames.remove(&end.altname);
        for node in seen.nodes.values_mut() {
            node.altnames.remove(&end.altname);
        }
    }
    let back = Changes::between(&both, &seen, &old);
    assert_eq!((back.remove.len(), back.connect.len()), (2, 3), "{back:?}");
}
