//! Every file of `manifests/` comes up, carries packets the way its head comment says, and goes down.

use crate::host::{Host, manifest};
use pinwire_support::command::run;
use serde_json::Value;

/// Packets that an interface of a node has sent.
fn sent(view: &Value, node: &str, interface: &str) -> u64 {
    let node = view["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|view| view["name"] == node)
        .unwrap();
    let interfaces = node["interfaces"].as_array().unwrap();
    let interface = interfaces
        .iter()
        .find(|view| view["name"] == interface)
        .unwrap();
    interface["counters"]["txPackets"].as_u64().unwrap()
}

#[test]
fn packets_cross_the_chain_of_containers() {
    let host = Host::new();
    host.ok(&["up", &manifest("chain")]);
    let outcome = host.json(&["probe", "chain", "--count", "2000", "--rate", "4000"]);
    assert_eq!(
        (outcome["sent"].as_u64(), outcome["lost"].as_u64()),
        (Some(2000), Some(0)),
        "{outcome}"
    );
    assert_eq!(outcome["received"], 2000, "{outcome}");
    assert_eq!(outcome["duplicated"], 0, "{outcome}");
    assert!(
        outcome["latencyNs"]["min"].as_u64().unwrap() > 0,
        "{outcome}"
    );
    let view = host.json(&["inspect", "chain"]);
    for node in 1..=6 {
        // The probe's packets, its warm-up and a few of the kernel's own.
        assert!(
            sent(&view, &format!("h{node}"), "down") >= 2000 + 945,
            "{view}"
        );
    }
    // The seed's sysctls, in every node.
    for node in ["h1", "h4", "h7"] {
        let read = host.ok(&[
            "exec",
            "--net",
            node,
            "--",
            "sysctl",
            "-n",
            "net.ipv4.ip_forward",
            "net.ipv4.conf.all.arp_ignore",
            "net.ipv4.conf.all.arp_announce",
            "net.ipv4.conf.all.rp_filter",
        ]);
        assert_eq!(read, "1\n1\n1\n0\n", "{node}");
    }
    let neighbour = host.ok(&[
        "exec",
        "--net",
        "h7",
        "--",
        "ip",
        "neighbour",
        "show",
        "10.0.2.20",
    ]);
    assert!(neighbour.contains("PERMANENT"), "{neighbour}");
    host.ok(&["down", "chain"]);
    host.assert_clean();
}

#[test]
fn packets_cross_the_chain_of_bare_namespaces() {
    let host = Host::new();
    host.ok(&["up", &manifest("chain"), "--nodes", "namespace"]);
    assert!(host.processes().is_empty());
    let outcome = host.json(&["probe", "chain", "--count", "500"]);
    assert_eq!(outcome["received"], 500, "{outcome}");
    assert!(host.ok(&["inspect"]).contains("namespace"));
    // The reader of a node without containers: a command of the host.
    assert!(
        host.ok(&["exec", "h3", "--", "ip", "-o", "address", "show"])
            .contains("10.0.3.102/24")
    );
    host.ok(&["down", "chain"]);
    host.assert_clean();
}

#[test]
fn two_nodes_reach_each_other_by_ipv4_and_ipv6() {
    let host = Host::new();
    host.ok(&["up", &manifest("two-nodes")]);
    host.reaches("client", "10.0.0.2");
    host.reaches("server", "10.0.0.1");
    host.reaches("client", "fd00::2");
    host.ok(&["down", "two-nodes"]);
    host.assert_clean();
}

#[test]
fn every_router_of_the_ring_reaches_every_other() {
    let host = Host::new();
    host.ok(&["up", &manifest("ring")]);
    for from in 1..=6 {
        for to in 0..12 {
            host.reaches(&format!("r{from}"), &format!("10.64.0.{to}"));
        }
    }
    host.ok(&["down", &manifest("ring")]);
    host.assert_clean();
}

#[test]
fn every_host_of_the_fat_tree_is_reached() {
    let host = Host::new();
    host.ok(&["up", &manifest("fat-tree")]);
    let hosts: Vec<_> = (1..=4)
        .flat_map(|pod| (1..=2).flat_map(move |edge| (1..=2).map(move |host| (pod, edge, host))))
        .collect();
    assert_eq!(hosts.len(), 16);
    for (from, to) in hosts
        .iter()
        .zip(hosts.iter().cycle().skip(1))
        .chain(hosts.iter().zip(hosts.iter().cycle().skip(7)))
    {
        let node = format!("host-{}-{}-{}", from.0, from.1, from.2);
        host.reaches(&node, &format!("10.{}.{}.{}", to.0, to.1, 2 * to.2 + 1));
    }
    host.ok(&["down", "fat-tree"]);
    host.assert_clean();
}

#[test]
fn flows_of_the_mesh_take_the_paths_of_their_ports() {
    const COUNT: u64 = 200;
    let host = Host::new();
    host.ok(&["up", &manifest("mesh")]);
    host.reaches("r1", "10.1.0.8");
    let mut echo = host.start(&["exec", "r8", "--", "pinwire-node", "udp-echo", "5001"]);
    let mut other = host.start(&["exec", "r8", "--", "pinwire-node", "udp-echo", "5002"]);
    let path = |port: u16, way: [(&str, &str); 3], else_way: [(&str, &str); 3]| {
        let before = host.json(&["inspect", "mesh"]);
        let target = format!("10.1.0.8:{port}");
        let count = COUNT.to_string();
        // The echo may still be starting.
        let sent_all = (0..50).any(|_| {
            host.run(&[
                "exec",
                "r1",
                "--",
                "pinwire-node",
                "udp-send",
                "-c",
                &count,
                "-r",
                "2000",
                &target,
            ])
            .code
                == 0
        });
        assert!(sent_all, "no echo from r8 at port {port}");
        let after = host.json(&["inspect", "mesh"]);
        let grew = |(node, interface): (&str, &str)| {
            sent(&after, node, interface) - sent(&before, node, interface)
        };
        for hop in way {
            assert!(grew(hop) >= COUNT, "port {port} does not leave {hop:?}");
        }
        for hop in else_way {
            // Only answers and the kernel's own packets may pass there.
            assert!(grew(hop) < COUNT / 2, "port {port} leaves {hop:?} as well");
        }
    };
    let skip_first = [("r1", "skip"), ("r4", "skip"), ("r7", "next")];
    let next_first = [("r1", "next"), ("r2", "skip"), ("r5", "skip")];
    path(5001, skip_first, next_first);
    path(5002, next_first, skip_first);
    for child in [&mut echo, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    host.ok(&["down", "mesh"]);
    host.assert_clean();
}

#[test]
fn mirrors_carry_packets_between_hosts_of_one_subnet() {
    hosts_of_one_subnet_meet("mirror");
}

#[test]
fn xdp_carries_packets_between_hosts_of_one_subnet() {
    hosts_of_one_subnet_meet("xdp");
}

fn hosts_of_one_subnet_meet(plane: &str) {
    let host = Host::new();
    let manifest = host.file("plane.yaml", &plane_manifest(plane));
    host.ok(&["up", &manifest]);
    host.reaches("left", "192.0.2.2");
    host.reaches("right", "192.0.2.1");
    let links = host.ok(&["exec", "--net", "middle", "--", "ip", "-d", "link", "show"]);
    assert_eq!(links.contains(" xdp"), plane == "xdp", "{links}");
    host.ok(&["down", "plane"]);
    host.assert_clean();
}

/// Two hosts and a node between them that forwards by `plane`.
fn plane_manifest(plane: &str) -> String {
    let pod = |name: &str, links: &str, plane: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  annotations:\n    pinwire.dev/topology: plane\n    \
             pinwire.dev/links: |\n{links}    pinwire.dev/forwarding: |\n      plane: {plane}\nspec:\n  \
             containers: [{{name: node, image: localhost/pinwire-node:latest}}]\n"
        )
    };
    [
        pod(
            "left",
            "      - {interface: a, peer: middle:a, addresses: [192.0.2.1/24]}\n",
            "none",
        ),
        pod(
            "middle",
            "      - {interface: a, peer: left:a}\n      - {interface: b, peer: right:b}\n",
            plane,
        ),
        pod(
            "right",
            "      - {interface: b, peer: middle:b, addresses: [192.0.2.2/24]}\n",
            "none",
        ),
    ]
    .concat()
}

#[test]
fn generated_topologies_come_up() {
    let host = Host::new();
    for (kind, nodes) in [
        ("chain", "40"),
        ("ring", "9"),
        ("fat-tree", "7"),
        ("mesh", "8"),
    ] {
        let manifest = host.file(
            &format!("{kind}.yaml"),
            &host.ok(&["generate", kind, "--nodes", nodes]),
        );
        host.ok(&["up", &manifest]);
        let view = host.json(&["inspect"]);
        let interfaces = view["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|node| node["interfaces"].as_array().unwrap());
        for interface in interfaces {
            assert_eq!(interface["state"], "up", "{kind}: {interface}");
        }
        assert_eq!(view["nodes"].as_array().unwrap().len().to_string(), nodes);
        if kind == "chain" {
            assert_eq!(host.json(&["probe", "--count", "300"])["received"], 300);
        }
        host.ok(&["down", &manifest]);
        host.assert_clean();
    }
}

#[test]
fn the_hosts_end_of_a_wire_has_its_addresses() {
    let host = Host::new();
    let manifest = host.file(
        "host.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: node\n  annotations:\n    pinwire.dev/topology: with-host\n    \
         pinwire.dev/links: |\n      - {interface: eth0, peer: host:pw-host, addresses: [192.0.2.2/24], hostAddresses: [192.0.2.1/24], mtu: 9000, mac: \"02:00:00:00:00:07\"}\n\
         spec:\n  containers: [{name: node, image: localhost/pinwire-node:latest}]\n",
    );
    host.ok(&["up", &manifest]);
    host.reaches("node", "192.0.2.1");
    assert!(run("ip -o address show dev pw-host").contains("192.0.2.1/24"));
    let view = host.json(&["inspect", "with-host"]);
    let interface = &view["nodes"][0]["interfaces"][0];
    assert_eq!(interface["mac"], "02:00:00:00:00:07");
    assert_eq!(interface["mtu"], 9000);
    assert_eq!(view["host"][0]["peer"], "node:eth0");
    host.ok(&["down", "with-host"]);
    host.assert_clean();
}

#[test]
fn identity_is_reproducible() {
    let host = Host::new();
    let macs = || {
        host.ok(&["up", &manifest("chain"), "--nodes", "namespace"]);
        let view = host.json(&["inspect", "chain"]);
        host.ok(&["down", "chain"]);
        let of = |interface: &Value| (interface["mac"].clone(), interface["altname"].clone());
        let nodes = view["nodes"].as_array().unwrap().clone();
        nodes
            .iter()
            .flat_map(|node| {
                node["interfaces"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(of)
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    let first = macs();
    assert_eq!(first.len(), 14);
    assert_eq!(first, macs());
    host.assert_clean();
}
