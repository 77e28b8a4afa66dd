//! What is to exist for the same pods, planned by both readers.

use std::collections::BTreeMap;

use pinwire::paths::{Roots, TopologyPaths};
use pinwire::plan::{DeployError, Deployment, Mode};
use pinwire::pools;
use pinwire::topology::Topology;
use pinwire_cni::topology::pod::Pod;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::{Link, LinkType, Peer, Pools};
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, WireEnd};

const POOLS: &str = "pools: {cable: {cable: [ens1f0, ens1f1]}, lan: {physicalFunctions: [ens2f0]}}";

/// Fails unless both plan the same.
pub(crate) fn compare(name: &str, topology: &Topology, pods: &[Pod]) {
    let pools = pools::parse("pools.yaml", POOLS).unwrap();
    let roots = Roots {
        state: "/state".into(),
        data: "/data".into(),
    };
    let paths = roots.topology(&topology.name);
    let planned = Deployment::of(topology, Mode::Namespace, &paths, &BTreeMap::new(), &pools);
    match planned {
        Ok(deployment) => compare_all(name, &deployment, &paths, pods, &pools),
        // The plugin has no pool either.
        Err(DeployError::Pool { interface, .. }) => {
            let mut links = pods.iter().flat_map(|pod| {
                let links = pod.links.iter().filter(|link| link.kind == LinkType::Vf);
                links.map(move |link| (pod, link))
            });
            let without = |(pod, link): (&Pod, &Link)| {
                link.interface == interface && pod.function(link, &pools).is_err()
            };
            assert!(links.any(without), "{name}: {interface}");
        }
    }
}

fn compare_all(
    name: &str,
    deployment: &Deployment,
    paths: &TopologyPaths,
    pods: &[Pod],
    pools: &Pools,
) {
    assert_eq!(deployment.nodes.len(), pods.len(), "{name}");
    let mut wires = 0;
    for pod in pods {
        let node = deployment.node(pod.node.as_str()).unwrap();
        // What an XDP node needs of its neighbours is told beside what a pod says itself.
        let own = node.settings.iter();
        let own: Vec<_> = own
            .filter(|setting| !matches!(setting, Setting::Offload { .. }))
            .collect();
        assert_eq!(own, pod.settings().iter().collect::<Vec<_>>(), "{name}");
        let end = pod.ends(Place::Netns(paths.namespace(&pod.node)));
        for link in &pod.links {
            let title = format!("{name}: {}:{}", pod.node, link.interface);
            let end = ungrouped(end(link));
            match link.kind {
                LinkType::Vf => compare_function(&title, deployment, (pod, link, &end), pools),
                LinkType::Veth => {
                    compare_wire(&title, deployment, (pod, link, &end));
                    wires += usize::from(!matches!(link.peer, Some(Peer::Node { .. }))) + 1;
                }
            }
        }
    }
    // A wire between two nodes has been seen from both.
    assert_eq!(wires, deployment.wires.len() * 2, "{name}");
}

/// The group is the node's or the wire's, as links come up together or one by one.
fn ungrouped(end: WireEnd) -> WireEnd {
    WireEnd { group: None, ..end }
}

fn compare_wire(title: &str, deployment: &Deployment, (pod, link, end): (&Pod, &Link, &WireEnd)) {
    let peer = link.peer.as_ref().unwrap();
    let mut wires = deployment.wires.iter();
    let wire = wires.find(|wire| wire.ends.contains(end));
    let wire = wire.unwrap_or_else(|| panic!("{title}: no wire has {end:?}"));
    assert_eq!(wire.mtu, default::mtu(link), "{title}");
    assert_eq!(wire.group, pod.wire_group(link, peer), "{title}");
    if let Peer::Host(interface) = peer {
        assert!(wire.ends.contains(&pod.host_end(interface)), "{title}");
    }
}

fn compare_function(
    title: &str,
    deployment: &Deployment,
    (pod, link, end): (&Pod, &Link, &WireEnd),
    pools: &Pools,
) {
    let mut functions = deployment.functions.iter();
    let function = functions
        .find(|function| function.node == pod.node && function.interface == link.interface)
        .unwrap_or_else(|| panic!("{title}: no virtual function"));
    let (options, pool) = pod.function(link, pools).unwrap();
    assert_eq!(
        (&function.options, &function.members),
        (&options, pool),
        "{title}"
    );
    assert_eq!(
        (function.mac, function.mtu),
        (end.mac, default::mtu(link)),
        "{title}"
    );
    assert_eq!(
        (&function.altname, &function.tuning),
        (&end.altname, &*end.tuning),
        "{title}"
    );
}
