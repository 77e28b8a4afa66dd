//! A second `up` changes only what differs, repairs what was broken by hand, and undoes itself where it fails.

use std::collections::BTreeMap;
use std::process::Command;

use crate::host::{Host, manifest};
use pinwire_support::command::run;
use serde_json::Value;

const IMAGE: &str = "localhost/pinwire-node:latest";

/// A pod of a line `n1 - n2 - …`: `extra` goes into its container.
fn pod(index: usize, last: usize, mtu: u32, extra: &str) -> String {
    let mut links = String::new();
    if index > 1 {
        links += &format!(
            "      - {{interface: left, peer: \"n{}:right\", addresses: [10.9.{}.2/24], mtu: {mtu}}}\n",
            index - 1,
            index - 1
        );
    }
    if index < last {
        links += &format!(
            "      - {{interface: right, peer: \"n{}:left\", addresses: [10.9.{index}.1/24], mtu: {mtu}}}\n",
            index + 1
        );
    }
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: n{index}\n  annotations:\n    pinwire.dev/topology: line\n    \
         pinwire.dev/links: |\n{links}spec:\n  containers: [{{name: node, image: {IMAGE}{extra}}}]\n"
    )
}

fn line(nodes: usize) -> String {
    (1..=nodes)
        .map(|index| pod(index, nodes, 1500, ""))
        .collect()
}

/// The pid of every node's container.
fn pids(host: &Host) -> BTreeMap<String, Value> {
    let view = host.json(&["inspect", "line"]);
    let nodes = view["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| {
            (
                node["name"].to_string(),
                node["containers"][0]["pid"].clone(),
            )
        })
        .collect()
}

fn changes(host: &Host, manifest: &str) -> Value {
    host.json(&["up", manifest])["changes"].clone()
}

fn nothing() -> Value {
    serde_json::json!({
        "nodesCreated": 0, "nodesRemoved": 0, "wiresCreated": 0, "wiresDeleted": 0,
        "functionsAttached": 0, "functionsDetached": 0, "namespacesSet": 0, "containersStarted": 0,
        "containersStopped": 0,
    })
}

#[test]
fn a_second_up_changes_nothing() {
    let host = Host::new();
    let manifest = host.file("line.yaml", &line(4));
    host.ok(&["up", &manifest]);
    let before = pids(&host);
    assert_eq!(changes(&host, &manifest), nothing());
    assert_eq!(pids(&host), before);
    assert!(
        host.ok(&["up", &manifest])
            .contains("nothing had to change")
    );
    assert!(
        host.ok(&["up", &manifest, "--dry-run"])
            .contains("nothing would change")
    );
    host.ok(&["down", "line"]);
    host.assert_clean();
}

#[test]
fn a_line_grows_and_shrinks_and_its_other_nodes_stay() {
    let host = Host::new();
    let manifest = host.file("line.yaml", &line(3));
    host.ok(&["up", &manifest]);
    let before = pids(&host);
    host.file("line.yaml", &line(5));
    let dry = host.json(&["up", &manifest, "--dry-run"]);
    assert_eq!(dry["nodesCreated"], 2, "{dry}");
    assert_eq!(pids(&host), before, "a dry run changed something");
    let grown = changes(&host, &manifest);
    assert_eq!(
        (
            &grown["nodesCreated"],
            &grown["wiresCreated"],
            &grown["wiresDeleted"]
        ),
        (&2.into(), &2.into(), &0.into()),
        "{grown}"
    );
    assert_eq!(
        (&grown["containersStarted"], &grown["containersStopped"]),
        (&2.into(), &0.into()),
        "{grown}"
    );
    let after = pids(&host);
    assert!(before.iter().all(|(node, pid)| after[node] == *pid));
    host.reaches("n5", "10.9.4.1");
    host.file("line.yaml", &line(3));
    let shrunk = changes(&host, &manifest);
    assert_eq!(
        (&shrunk["nodesRemoved"], &shrunk["containersStopped"]),
        (&2.into(), &2.into()),
        "{shrunk}"
    );
    assert_eq!(pids(&host), before);
    host.reaches("n1", "10.9.1.2");
    host.ok(&["down", "line"]);
    host.assert_clean();
}

#[test]
fn a_changed_wire_and_a_changed_container_are_replaced_alone() {
    let host = Host::new();
    let manifest = host.file("line.yaml", &line(4));
    host.ok(&["up", &manifest]);
    let before = pids(&host);
    let changed: String = (1..=4)
        .map(|index| {
            pod(
                index,
                4,
                1500,
                if index == 2 {
                    ", env: [{name: COLOUR, value: blue}]"
                } else {
                    ""
                },
            )
        })
        .collect();
    host.file("line.yaml", &changed);
    let replaced = changes(&host, &manifest);
    assert_eq!(
        (&replaced["containersStarted"], &replaced["wiresCreated"]),
        (&1.into(), &0.into()),
        "{replaced}"
    );
    assert_eq!(
        host.ok(&["exec", "n2", "--", "sh", "-c", "echo $COLOUR"]),
        "blue\n"
    );
    let mtu: String = (1..=4).map(|index| pod(index, 4, 9000, "")).collect();
    host.file("line.yaml", &mtu);
    let rewired = changes(&host, &manifest);
    assert_eq!(
        (
            &rewired["wiresCreated"],
            &rewired["nodesCreated"],
            &rewired["containersStarted"]
        ),
        (&3.into(), &0.into(), &1.into()),
        "{rewired}"
    );
    assert!(
        host.ok(&["exec", "--net", "n3", "--", "ip", "link", "show", "left"])
            .contains("mtu 9000")
    );
    host.reaches("n3", "10.9.2.1");
    let after = pids(&host);
    assert!(
        ["\"n1\"", "\"n3\"", "\"n4\""]
            .iter()
            .all(|node| before[*node] == after[*node])
    );
    host.ok(&["down", "line"]);
    host.assert_clean();
}

#[test]
fn what_was_broken_by_hand_is_repaired() {
    let host = Host::new();
    let manifest = host.file("line.yaml", &line(4));
    host.ok(&["up", &manifest]);
    let pid = pids(&host)["\"n1\""].to_string();
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    let net = |arguments: &str| {
        let all: Vec<_> = ["exec", "--net"]
            .into_iter()
            .chain(arguments.split(' '))
            .collect();
        host.ok(&all);
    };
    net("n2 -- ip link delete right");
    net("n4 -- ip address delete 10.9.3.2/24 dev left");
    // The kernel ends a process some time after it was told to.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let repaired = changes(&host, &manifest);
    assert_eq!(
        (&repaired["containersStarted"], &repaired["wiresCreated"]),
        (&1.into(), &1.into()),
        "{repaired}"
    );
    for (node, address) in [("n1", "10.9.1.2"), ("n2", "10.9.2.2"), ("n3", "10.9.3.2")] {
        host.reaches(node, address);
    }
    assert_eq!(changes(&host, &manifest), nothing());
    host.ok(&["down", "line"]);
    host.assert_clean();
}

#[test]
fn a_failing_first_up_leaves_nothing() {
    let host = Host::new();
    let broken: String = (1..=6)
        .map(|index| {
            pod(
                index,
                6,
                1500,
                if index == 5 {
                    ", command: [/no/such/program]"
                } else {
                    ""
                },
            )
        })
        .collect();
    let manifest = host.file("line.yaml", &broken);
    let said = host.fails(1, &["up", &manifest]);
    for part in ["line", "n5", "/no/such/program", "undone"] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
    assert_eq!(host.json(&["list"]), serde_json::json!([]));
    host.assert_clean();
}

#[test]
fn a_failing_second_up_leads_back() {
    let mut host = Host::new();
    let manifest = host.file("line.yaml", &line(3));
    host.ok(&["up", &manifest]);
    host.mark_clean();
    let before = pids(&host);
    let broken: String = (1..=5)
        .map(|index| {
            pod(
                index,
                5,
                1500,
                if index == 5 {
                    ", command: [/no/such/program]"
                } else {
                    ""
                },
            )
        })
        .collect();
    host.file("line.yaml", &broken);
    host.fails(1, &["up", &manifest]);
    host.assert_clean();
    assert_eq!(pids(&host), before);
    host.reaches("n1", "10.9.1.2");
    host.file("line.yaml", &line(3));
    assert_eq!(changes(&host, &manifest), nothing());
    host.ok(&["down", "line"]);
}

#[test]
fn containers_become_namespaces_and_back() {
    let host = Host::new();
    let manifest = host.file("line.yaml", &line(2));
    host.ok(&["up", &manifest]);
    host.ok(&["up", &manifest, "--nodes", "namespace"]);
    assert!(host.processes().is_empty());
    assert!(
        host.ok(&["exec", "n1", "--", "ip", "-o", "address"])
            .contains("10.9.1.1/24")
    );
    host.ok(&["up", &manifest]);
    host.reaches("n1", "10.9.1.2");
    host.ok(&["down", "line"]);
    host.assert_clean();
}

#[test]
fn an_interface_of_the_host_is_never_taken_over() {
    let mut host = Host::new();
    run("ip link add pw-out type veth peer name foreign");
    host.mark_clean();
    let manifest = manifest("chain");
    let said = host.fails(1, &["up", &manifest]);
    assert!(
        said.contains("`pw-out`") && said.contains("already"),
        "{said}"
    );
    host.assert_clean();
}
