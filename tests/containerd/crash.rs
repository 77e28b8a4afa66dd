//! containerd is killed, and the machine loses its power: pods can be deleted and come back, and nothing is left over.

use crate::machine::machine;
use crate::pod::pods;

const PAIR: &str = include_str!("pair.yaml");

#[test]
fn containerd_is_killed() {
    machine(|machine| {
        let pods = pods(PAIR);
        let [left, right] = [0, 1].map(|number| machine.run(&pods[number], 0));
        machine.kill_containerd();
        machine.reaches(&left, "192.0.2.2");
        machine.delete(&left);
        let left = machine.run(&pods[0], 1);
        machine.reaches(&right, "192.0.2.1");
        machine.delete(&right);
        machine.delete(&left);
    });
}

#[test]
fn the_power_is_lost() {
    machine(|machine| {
        let pods = pods(PAIR);
        let before = [0, 1].map(|number| machine.run(&pods[number], 0));
        machine.power_loss();
        // As a kubelet does: what has ended is made anew, and only then removed.
        let after = [0, 1].map(|number| {
            machine.cri().stop_pod(&before[number].id).unwrap();
            machine.run(&pods[number], 1)
        });
        machine.reaches(&after[0], "192.0.2.2");
        for pod in before.iter().chain(&after) {
            machine.delete(pod);
        }
    });
}
