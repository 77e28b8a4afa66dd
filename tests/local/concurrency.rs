//! Several commands at once, and several topologies side by side.

use crate::host::{Host, manifest, said};

#[test]
fn two_topologies_with_the_same_pods_run_side_by_side() {
    let host = Host::new();
    let manifest = manifest("ring");
    host.ok(&["up", &manifest]);
    host.ok(&["up", &manifest, "--name", "second"]);
    for topology in ["ring", "second"] {
        host.reaches(&format!("{topology}/r1"), "10.64.0.5");
    }
    assert_eq!(host.json(&["list"]).as_array().unwrap().len(), 2);
    let ambiguous = host.fails(4, &["exec", "r1", "--", "true"]);
    assert!(
        ambiguous.contains("ring") && ambiguous.contains("second"),
        "{ambiguous}"
    );
    let ambiguous = host.fails(4, &["inspect"]);
    assert!(ambiguous.contains("2 topologies"), "{ambiguous}");
    host.ok(&["down", "ring"]);
    host.reaches("r1", "10.64.0.5");
    host.ok(&["down", "--all"]);
    host.assert_clean();
}

#[test]
fn two_ups_of_one_topology_wait_for_each_other() {
    let host = Host::new();
    let manifest = manifest("chain");
    for _ in 0..5 {
        let commands: Vec<_> = (0..4).map(|_| host.start(&["up", &manifest])).collect();
        let said: Vec<_> = commands
            .into_iter()
            .map(|child| said(&child.wait_with_output().unwrap()))
            .collect();
        for said in &said {
            assert_eq!(said.code, 0, "{}", said.stderr);
        }
        let created = said
            .iter()
            .filter(|said| said.stdout.contains("7 nodes created"))
            .count();
        assert_eq!(
            created, 1,
            "one of them brings it up, the others find it up"
        );
        assert_eq!(
            host.json(&["probe", "chain", "--count", "100"])["received"],
            100
        );
        host.ok(&["down", "chain"]);
        host.assert_clean();
    }
}

#[test]
fn ups_and_downs_of_several_topologies_do_not_disturb_each_other() {
    let host = Host::new();
    let manifest = manifest("two-nodes");
    let names = ["a", "a-b", "a-b-c", "b"];
    for _ in 0..5 {
        for verb in ["up", "down"] {
            let commands: Vec<_> = names
                .iter()
                .map(|name| match verb {
                    "up" => host.start(&["up", &manifest, "--name", name]),
                    _ => host.start(&["down", name]),
                })
                .collect();
            for command in commands {
                let said = said(&command.wait_with_output().unwrap());
                assert_eq!(said.code, 0, "{verb}: {}", said.stderr);
            }
        }
        host.assert_clean();
    }
}

#[test]
fn an_up_and_a_down_at_once_end_in_one_of_the_two() {
    let host = Host::new();
    let manifest = manifest("two-nodes");
    for _ in 0..10 {
        let (up, down) = (
            host.start(&["up", &manifest]),
            host.start(&["down", "two-nodes"]),
        );
        for child in [up, down] {
            let said = said(&child.wait_with_output().unwrap());
            assert_eq!(said.code, 0, "{}", said.stderr);
        }
        let up = host.json(&["list"]);
        if up.as_array().unwrap().len() == 1 {
            host.reaches("client", "10.0.0.2");
        }
        host.ok(&["down", "two-nodes"]);
        host.assert_clean();
    }
}
