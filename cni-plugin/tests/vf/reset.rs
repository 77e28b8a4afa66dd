//! A virtual function is reset between two tenants, and is what it was all the same.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_wiring::machine::PciAddress;
use serde_json::{Value, json};

use crate::call::{all, cni};
use crate::machine::{Machine, functions, machine, snapshot};

/// A configuration of a virtual function that is reset.
fn asked(device: PciAddress) -> Value {
    let all = all(&device.to_string());
    let mut asked = json!({"vf": {
        "vlan": 100, "vlanQoS": 3, "spoofcheck": false, "trust": true, "maxTxRate": 200, "reset": true,
    }});
    for key in [
        "cniVersion",
        "name",
        "type",
        "deviceID",
        "mac",
        "mtu",
        "ips",
    ] {
        asked[key] = all[key].clone();
    }
    asked
}

/// A file of a device in sysfs.
fn file(device: PciAddress, name: &str) -> PathBuf {
    PathBuf::from(format!("/sys/bus/pci/devices/{device}/{name}"))
}

/// Waits until udev has given the new interface its name, and asserts that all is as it was.
fn assert_restored(machine: &Machine, before: &Value, what: &str) {
    run("udevadm settle");
    for _ in 0..500 {
        if snapshot(&machine.physical) == *before {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    machine.assert_restored(what);
    assert_eq!(machine.state_files().len(), 0, "{what}");
}

#[test]
fn a_virtual_function_is_reset_when_it_is_given_back() {
    machine(|machine| {
        let function = &functions(0)[0];
        let device = function.address;
        let name = &function.interface.as_ref().unwrap().name;
        let methods = fs::read_to_string(file(device, "reset_method")).unwrap();
        assert!(methods.contains("flr"), "{methods}");
        let before = snapshot(&machine.physical);
        let index = || functions(0)[0].interface.as_ref().unwrap().index;
        let first = index();
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked(device)).ok();
        inside::run(&netns, "ip link set net1 address 02:00:00:00:bb:01");
        inside::run(&netns, "ip link set net1 mtu 1280");
        cni(machine, "DEL", "a", &asked(device)).ok();
        assert_restored(machine, &before, "DEL");
        assert_ne!(index(), first, "{name} is a new interface");
        assert_eq!(
            fs::read_to_string(file(device, "reset_method")).unwrap(),
            methods
        );
        // The next tenant, whose namespace dies without DEL.
        drop(netns);
        machine.remove("a");
        machine.netns("b");
        cni(machine, "ADD", "b", &asked(device)).ok();
        machine.remove("b");
        cni(machine, "DEL", "b", &asked(device)).ok();
        assert_restored(machine, &before, "DEL after the namespace");
    });
}

#[test]
fn killed_at_every_step_of_a_reset() {
    machine(|machine| {
        let device = functions(0)[1].address;
        let before = snapshot(&machine.physical);
        let methods = fs::read_to_string(file(device, "reset_method")).unwrap();
        let (mut steps, mut killed) = (0, true);
        while killed {
            steps += 1;
            machine.netns("a");
            cni(machine, "ADD", "a", &asked(device)).ok();
            let del = cni(machine, "DEL", "a", &asked(device));
            killed = del
                .clone()
                .set("PINWIRE_FAULT_STEP", &steps.to_string())
                .run()
                .signal
                .is_some();
            del.ok();
            assert_restored(machine, &before, &format!("killed at step {steps} of DEL"));
            assert_eq!(
                fs::read_to_string(file(device, "reset_method")).unwrap(),
                methods
            );
            machine.remove("a");
        }
        assert!(steps > 12, "only {steps} steps");
    });
}
