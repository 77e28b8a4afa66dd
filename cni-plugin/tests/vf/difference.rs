//! CHECK finds each thing that was changed behind its back, and nothing else.

use pinwire_support::call::Call;
use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::machine::Sysfs;
use serde_json::Value;

use crate::call::{all, cni};
use crate::machine::{Machine, functions, machine};

/// A container with a virtual function, and the CHECK of it.
struct Attached {
    netns: Netns,
    physical: String,
    check: Call,
}

fn attach(machine: &Machine, asked: &Value) -> Attached {
    let netns = machine.netns("a");
    let mut check = asked.clone();
    check["prevResult"] = cni(machine, "ADD", "a", asked).ok();
    let attached = Attached {
        netns,
        physical: machine.physical[0].clone(),
        check: cni(machine, "CHECK", "a", &check),
    };
    attached.check.ok();
    attached
}

#[test]
fn attributes_and_interface() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let attached = attach(machine, &asked);
        // By command on the host: the change, how it is taken back, and the words that must be in the message.
        let on_host = [
            (
                "vlan 101",
                "vlan 100 qos 3",
                "VLAN 101 instead of VLAN 100 qos 3",
            ),
            ("vlan 100 qos 2", "vlan 100 qos 3", "VLAN 100 qos 2"),
            (
                "mac 02:00:00:00:cc:01",
                "mac 02:00:00:00:aa:01",
                "MAC address 02:00:00:00:cc:01",
            ),
            ("trust off", "trust on", "trust off instead of trust on"),
            ("spoofchk on", "spoofchk off", "spoof check on"),
            ("max_tx_rate 300", "max_tx_rate 200", "rate 0 to 300"),
        ];
        for (change, back, message) in on_host {
            let set = |what: &str| run(&format!("ip link set {} vf 0 {what}", attached.physical));
            set(change);
            let error = attached.check.fails(105);
            assert!(error.contains(message), "{change}: {error}");
            set(back);
            attached.check.ok();
        }
        let inside = [
            (
                "ip link set net1 mtu 1300",
                "ip link set net1 mtu 1400",
                "MTU of 1300",
            ),
            ("ip link set net1 down", "ip link set net1 up", "is down"),
            (
                "ip link set net1 name other",
                "ip link set other name net1",
                "renamed to `other`",
            ),
            (
                "ip address del 10.9.0.2/24 dev net1",
                "ip address add 10.9.0.2/24 dev net1",
                "lost the address 10.9.0.2/24",
            ),
        ];
        for (change, back, message) in inside {
            inside::run(&attached.netns, change);
            let error = attached.check.fails(105);
            assert!(error.contains(message), "{change}: {error}");
            inside::run(&attached.netns, back);
            if change.ends_with("down") || change.contains("name") {
                inside::run(&attached.netns, "ip link set net1 up");
            }
            attached.check.ok();
        }
        cni(machine, "DEL", "a", &asked).ok();
    });
}

#[test]
fn the_driver() {
    machine(|machine| {
        let function = &functions(0)[0];
        let asked = all(&function.address.to_string());
        let attached = attach(machine, &asked);
        run("modprobe vfio-pci");
        Sysfs::default().bind(function.address, "vfio-pci").unwrap();
        let error = attached.check.fails(105);
        assert!(
            error.contains("has the driver vfio-pci instead of igbvf"),
            "{error}"
        );
        cni(machine, "DEL", "a", &asked).ok();
        Sysfs::default().unbind(function.address).unwrap();
        run("udevadm settle");
        machine.renew();
    });
}
