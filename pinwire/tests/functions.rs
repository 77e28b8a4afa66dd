//! Links of virtual functions, from a manifest to the work that is to be done. Pure: no card is asked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use pinwire::change::{Changes, Observed, ObservedNode};
use pinwire::graph;
use pinwire::paths::{Roots, TopologyPaths};
use pinwire::plan::{Deployment, Mode};
use pinwire::pools;
use pinwire::topology::{self, Topology};
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::annotation::LinkType;

const POOLS: &str = "pools: {cable: {cable: [ens1f0, ens1f1]}, lan: {physicalFunctions: [ens2f0]}}";

fn paths() -> TopologyPaths {
    let roots = Roots {
        state: "/state".into(),
        data: "/data".into(),
    };
    roots.topology(&"chain".parse().unwrap())
}

fn chain() -> Topology {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/chain.yaml");
    topology::load(&[path], None).unwrap().0
}

fn plan(topology: &Topology, pools: &str) -> Result<Deployment, String> {
    let pools = pools::parse("pools.yaml", pools).unwrap();
    let planned = Deployment::of(
        topology,
        Mode::Namespace,
        &paths(),
        &BTreeMap::new(),
        &pools,
    );
    planned.map_err(|error| format!("{error}: {}", error.source().unwrap()))
}

fn chain_of_functions() -> Deployment {
    plan(&chain().with_links(LinkType::Vf).unwrap(), POOLS).unwrap()
}

fn title(end: &VfEnd) -> String {
    let peer = end.peer.as_ref();
    let peer = peer.map_or_else(String::new, |(node, interface)| {
        format!(" {node}:{interface}")
    });
    format!("{} {}:{}{peer}", end.pool, end.node, end.interface)
}

#[test]
fn a_chain_becomes_six_wires_and_two_ways_out() {
    let deployment = chain_of_functions();
    assert_eq!(deployment.wires, []);
    assert_eq!(deployment.host, []);
    let mut expected = Vec::new();
    for node in 1..7 {
        let next = node + 1;
        expected.push(format!("cable h{node}:down h{next}:up"));
        expected.push(format!("cable h{next}:up h{node}:down"));
    }
    expected.extend(["lan h1:in".to_owned(), "lan h7:out".to_owned()]);
    let found: Vec<String> = deployment.functions.iter().map(title).collect();
    assert_eq!(found, expected);
    let veth = plan(&chain(), "pools: {}").unwrap();
    assert_eq!(veth.functions, []);
    // The same identities whatever a link is made of.
    for (one, other) in veth.nodes.iter().zip(&deployment.nodes) {
        let macs = |node: &pinwire::plan::NodePlan| -> Vec<_> {
            let interfaces = node.interfaces.iter();
            interfaces.map(|one| (one.name.clone(), one.mac)).collect()
        };
        assert_eq!(macs(one), macs(other));
        assert_eq!(one.settings, other.settings, "{}", one.name);
    }
}

#[test]
fn what_leads_out_is_drawn() {
    let topology = chain().with_links(LinkType::Vf).unwrap();
    for drawing in [
        graph::mermaid(&topology),
        graph::dot(&topology),
        graph::svg(&topology),
    ] {
        for end in ["outside h1:in", "outside h7:out"] {
            assert!(drawing.contains(end), "{drawing}");
        }
        assert!(!drawing.contains("host:"), "{drawing}");
    }
}

#[test]
fn a_link_without_another_end_is_no_veth() {
    let functions = chain().with_links(LinkType::Vf).unwrap();
    let error = functions.with_links(LinkType::Veth).unwrap_err();
    assert!(
        error.to_string().contains("`h1:in` leads out of this host"),
        "{error}"
    );
}

#[test]
fn a_host_without_the_pool_is_told_what_to_do() {
    let functions = chain().with_links(LinkType::Vf).unwrap();
    let cases = [
        (
            "pools: {}",
            "the link `h1:in` gets no virtual function: no pool of virtual functions is defined: `pools` of the network configuration has them, and for `pinwire` the file /etc/pinwire/pools.yaml or that of --pools",
        ),
        (
            "pools: {one: {cable: [a, b]}, two: {cable: [c, d]}}",
            "the link `h1:in` gets no virtual function: several pools could be meant: name one of one, two (`vf: {pool: …}`)",
        ),
    ];
    for (pools, expected) in cases {
        assert_eq!(plan(&functions, pools).unwrap_err(), expected);
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/accepted/virtual-functions.yaml"
    );
    let text = fs::read_to_string(path)
        .unwrap()
        .replace("pool: lan", "pool: wan");
    let (topology, _) = topology::parse([("t.yaml", text)], None).unwrap();
    let error = plan(&topology, POOLS).unwrap_err();
    assert_eq!(
        error,
        "the link `a:out` gets no virtual function: there is no pool `wan`; defined are cable, lan"
    );
}

/// All of a deployment, as it is found when nobody touched it, but for some interfaces.
fn seen(deployment: &Deployment, broken: &[&str]) -> Observed {
    let nodes = deployment.nodes.iter().map(|node| {
        let own = deployment
            .functions
            .iter()
            .filter(|end| end.node == node.name);
        let intact = own.filter(|end| !broken.contains(&&title(end)[..]));
        let seen = ObservedNode {
            altnames: intact.map(|end| end.altname.clone()).collect(),
            is_configured: true,
            ..ObservedNode::default()
        };
        (node.name.clone(), seen)
    });
    Observed {
        nodes: nodes.collect(),
        ..Observed::default()
    }
}

fn titles(ends: &[VfEnd]) -> Vec<String> {
    ends.iter().map(title).collect()
}

#[test]
fn only_what_differs_is_attached_anew() {
    let chain = chain_of_functions();
    let nothing = Deployment::empty(chain.name.clone(), Mode::Namespace);
    let first = Changes::between(&nothing, &Observed::default(), &chain);
    assert_eq!((first.attach.len(), first.detach.len()), (14, 0));
    let second = Changes::between(&chain, &seen(&chain, &[]), &chain);
    assert!(second.is_empty(), "{second:?}");
    // Somebody broke one.
    let one = "cable h3:up h2:down";
    let repair = Changes::between(&chain, &seen(&chain, &[one]), &chain);
    assert_eq!(titles(&repair.detach), [one]);
    assert_eq!(titles(&repair.attach), [one]);
    assert_eq!(repair.set.len(), 1);
    // A node's namespace is gone, and with it its interfaces.
    let mut without = seen(&chain, &[]);
    without.nodes.remove(&"h3".parse().unwrap());
    let repair = Changes::between(&chain, &without, &chain);
    let expected = ["cable h3:up h2:down", "cable h3:down h4:up"];
    assert_eq!(titles(&repair.detach), expected);
    assert_eq!(titles(&repair.attach), expected);
    // Down.
    let end = Changes::between(&chain, &seen(&chain, &[]), &nothing);
    assert_eq!((end.attach.len(), end.detach.len()), (0, 14));
}

#[test]
fn an_interrupted_change_is_led_back() {
    let old = chain_of_functions();
    let mut new = old.clone();
    new.functions[2].options.max_tx_rate = Some(100);
    let change = Changes::between(&old, &seen(&old, &[]), &new);
    let one = titles(&old.functions[2..3]);
    assert_eq!(
        (titles(&change.detach), titles(&change.attach)),
        (one.clone(), one.clone())
    );
    // Nobody knows which of the two stands.
    let both = old.union(&new);
    assert_eq!(both.functions.len(), 15);
    let back = Changes::between(&both, &seen(&both, &[]), &old);
    assert_eq!(titles(&back.attach), one);
    assert!(back.detach.iter().all(|end| title(end) == one[0]));
}

#[test]
fn planes_of_layer_2_take_frames_for_others() {
    let mut topology = chain().with_links(LinkType::Vf).unwrap();
    topology.nodes[1].forwarding.plane = pinwire_wiring::annotation::Plane::Mirror;
    let deployment = plan(&topology, POOLS).unwrap();
    for end in &deployment.functions {
        let expected = (end.node.as_str() == "h2").then_some(true);
        assert_eq!(end.options.promiscuous, expected, "{}", title(end));
    }
}

#[test]
fn a_change_of_tuning_is_seen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/accepted/tuning.yaml");
    let text = fs::read_to_string(path).unwrap();
    let topology = |text: &str| topology::parse([("t.yaml", text)], None).unwrap().0;
    let deployment = |text: &str| plan(&topology(text), POOLS).unwrap();
    let old = deployment(&text);
    let change = |from: &str, to: &str| {
        let new = deployment(&text.replace(from, to));
        let changes = Changes::between(&old, &seen(&old, &[]), &new);
        (changes.attach.len(), changes.detach.len())
    };
    for (from, to, expected) in [
        ("gso: false", "gso: false", 0),
        ("rx: 512", "rx: 256", 1),
        ("adaptiveRx: false", "adaptiveRx: true", 1),
        ("gso: false", "gso: true", 1),
        ("2-3,6", "2-3", 1),
        ("reset: true", "reset: false", 1),
    ] {
        assert_eq!(change(from, to), (expected, expected), "{to}");
    }
    let wire = |text: &str| deployment(text).wires[0].clone();
    assert_eq!(wire(&text), old.wires[0]);
    assert_ne!(wire(&text.replace("tx: 2", "tx: 1")), old.wires[0]);
}

#[test]
fn a_veth_pair_leaves_out_what_it_does_not_have() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/accepted/tuning.yaml");
    let text = fs::read_to_string(path).unwrap();
    let text = text.replace("type: vf", "peer: 'host:t-out'\n        type: veth");
    let text = text.replace("vf: {pool: lan, reset: true}", "mtu: 1500");
    let mut topology = topology::parse([("t.yaml", text.replace("combined: 1", "rx: 2"))], None);
    assert!(topology.is_err(), "rings are of no veth");
    let functions = fs::read_to_string(path).unwrap();
    topology = topology::parse([("t.yaml", functions)], None);
    let (mut topology, _) = topology.unwrap();
    topology.nodes[0].links[1].peer = Some("host:t-out".parse().unwrap());
    let veth = topology.with_links(LinkType::Veth).unwrap();
    let tuning = veth.nodes[0].links[1].tuning.as_ref().unwrap();
    assert_eq!(tuning.check(LinkType::Veth), Ok(()));
    assert_eq!(tuning.offloads.len(), 7);
    assert_eq!(
        (&tuning.rings, &tuning.channels, &tuning.interrupts),
        (&None, &None, &None)
    );
}
