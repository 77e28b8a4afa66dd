//! The probe through lines of nodes, in which the kernel routes.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::{Probe, in_namespace, ip, is_complete, probe};

/// A node: a process that does nothing in a network namespace of its own, which ends with it.
struct Node(Child);

impl Node {
    fn new() -> Self {
        let mut process = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "echo 1 > /proc/sys/net/ipv4/ip_forward && echo ready; exec sleep 60",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("run unshare");
        let mut ready = [0; 6];
        process
            .stdout
            .as_mut()
            .expect("stdout")
            .read_exact(&mut ready)
            .expect("a namespace that forwards");
        Self(process)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of nodes that route, from in0 to out0. Every end `entry` has the MAC address 02:00:00:00:00:02.
fn line(length: usize) -> Vec<Node> {
    let nodes: Vec<_> = (0..length).map(|_| Node::new()).collect();
    ip(
        None,
        &format!(
            "link add in0 type veth peer name entry netns {}",
            nodes[0].0.id()
        ),
    );
    for pair in nodes.windows(2) {
        ip(
            Some(&pair[0].0),
            &format!(
                "link add exit type veth peer name entry netns {}",
                pair[1].0.id()
            ),
        );
    }
    ip(
        None,
        &format!(
            "link add out0 type veth peer name exit netns {}",
            nodes[length - 1].0.id()
        ),
    );
    for interface in ["in0", "out0"] {
        ip(None, &format!("link set {interface} up"));
    }
    for node in &nodes {
        ip(Some(&node.0), "link set entry address 02:00:00:00:00:02 up");
        ip(Some(&node.0), "link set exit up");
        ip(Some(&node.0), "address add 10.0.0.101/24 dev entry");
        ip(Some(&node.0), "address add 10.0.2.101/24 dev exit");
        ip(
            Some(&node.0),
            "neighbour add 10.0.2.20 lladdr 02:00:00:00:00:02 dev exit nud permanent",
        );
    }
    nodes
}

#[test]
fn crosses_nodes_that_route() {
    in_namespace(|| {
        let nodes = line(1);
        let destination = "02:00:00:00:00:02".parse().expect("MAC");
        let outcome = probe(5000, 10_000, Probe::SIZE, destination)
            .run()
            .expect("probe");
        drop(nodes);
        eprintln!("{outcome:?}");
        assert!(is_complete(&outcome), "{outcome:?}");
        assert_eq!((outcome.sent, outcome.bytes), (5000, 5000 * 84));
        assert_eq!(
            (outcome.lost, outcome.reordered, outcome.unusable_stamps),
            (0, 0, 0)
        );
        let one = outcome.latency_ns.expect("latencies");
        assert_eq!(one.samples, 5000);
        assert!(
            one.p50
                .is_some_and(|median| one.min > 0 && median >= one.min && median <= one.max),
            "{one:?}"
        );
        assert!(one.p99_9.is_some() && one.p99_99.is_none());
    });
}

#[test]
fn sees_every_node_on_the_way() {
    let (sender, fastest) = std::sync::mpsc::channel();
    for length in [1, 5, 9] {
        let sender = sender.clone();
        in_namespace(move || {
            let _nodes = line(length);
            let destination = "02:00:00:00:00:02".parse().expect("MAC");
            let outcome = probe(5000, 10_000, Probe::SIZE, destination)
                .run()
                .expect("probe");
            eprintln!("{length} nodes: {outcome:?}");
            assert!(is_complete(&outcome), "{outcome:?}");
            sender
                .send(outcome.latency_ns.expect("latencies").min)
                .expect("send");
        });
    }
    drop(sender);
    let fastest: Vec<_> = fastest.iter().collect();
    // The stamps are those of the last interface, not of one on the way; 50 ns a node are less than any kernel needs.
    assert!(
        fastest.is_sorted_by(|less, more| *more > less + 4 * 50),
        "{fastest:?}"
    );
}
