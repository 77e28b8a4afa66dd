//! Pods meet in every order, go and come back; other pods are left alone.

use std::time::{Duration, Instant};

use crate::machine::{Machine, Running, machine};
use crate::pod::{Pod, pods};

/// Two pods with a wire.
const PAIR: &str = include_str!("pair.yaml");
/// Three pods in a line: the one in the middle forwards.
const LINE: &str = include_str!("line.yaml");

/// Every order of so many.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let longer = shorter.iter().flat_map(|order| {
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    });
    longer.collect()
}

/// Runs pods in an order; they come back in their own.
fn run(machine: &Machine, pods: &[Pod], order: &[usize], attempt: u32) -> Vec<Running> {
    let mut running: Vec<(usize, Running)> = Vec::new();
    for &number in order {
        running.push((number, machine.run(&pods[number], attempt)));
    }
    running.sort_by_key(|(number, _)| *number);
    running.into_iter().map(|(_, pod)| pod).collect()
}

#[test]
fn two_pods_in_every_order() {
    machine(|machine| {
        let pods = pods(PAIR);
        for (attempt, order) in (0..).zip(orders(2)) {
            let running = run(machine, &pods, &order, attempt);
            machine.reaches(&running[0], "192.0.2.2");
            machine.reaches(&running[1], "2001:db8::1");
            // Their own network is what it was.
            machine.reaches(&running[0], &machine.cri().address(&running[1].id));
            for &number in &order {
                machine.delete(&running[number]);
            }
        }
    });
}

#[test]
fn three_pods_in_every_order() {
    machine(|machine| {
        let pods = pods(LINE);
        let orders = orders(3);
        assert_eq!(orders.len(), 6);
        for (attempt, order) in (0..).zip(orders) {
            let running = run(machine, &pods, &order, attempt);
            // From one end to the other, through the one in the middle.
            machine.reaches(&running[0], "198.51.100.2");
            machine.reaches(&running[2], "192.0.2.1");
            for &number in order.iter().rev() {
                machine.delete(&running[number]);
            }
        }
    });
}

#[test]
fn a_pod_that_is_created_again_is_wired_again() {
    machine(|machine| {
        let pods = pods(LINE);
        let mut running = run(machine, &pods, &[0, 1, 2], 0);
        for (attempt, number, neighbour) in [(1, 1, 2), (2, 0, 1), (3, 2, 1)] {
            machine.delete(&running[number]);
            let links = machine.exec(&running[neighbour], "ip -o link");
            assert!(
                !links.contains(&format!("to-{}", pods[number].name())),
                "{links}"
            );
            running[number] = machine.run(&pods[number], attempt);
            machine.reaches(&running[0], "198.51.100.2");
            machine.reaches(&running[2], "192.0.2.1");
        }
        for pod in &running {
            machine.delete(pod);
        }
    });
}

#[test]
fn a_pod_without_annotations_has_its_own_network_only() {
    machine(|machine| {
        let plain = machine.run(&Pod::plain("web").host_port(8080), 0);
        let links = machine.exec(&plain, "ip -o link");
        assert_eq!(links.lines().count(), 2, "{links}");
        machine.reaches(&plain, "10.90.0.1");
        let serve = "sh -c (nc -l -p 80 -e echo served) >/dev/null 2>&1 &";
        let words: Vec<&str> = serve.splitn(3, ' ').collect();
        assert_eq!(machine.cri().exec(&plain.container, &words).code, 0);
        assert!(is_served(8080), "the port of the host");
        machine.delete(&plain);
    });
}

/// Whether a port of the machine answers.
fn is_served(port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let mut client = std::process::Command::new("busybox");
        client.args(["nc", "-w", "2", "10.90.0.1", &port.to_string()]);
        if client.output().unwrap().stdout == b"served\n" {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
