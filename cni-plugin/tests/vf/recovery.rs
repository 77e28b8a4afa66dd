//! Whatever happens in between, a virtual function is in the end what it was.

use std::process::{Command, Stdio};

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{all, cni, configuration};
use crate::machine::{Machine, functions, machine};

/// The variable that kills the executable at a step.
const FAULT: &str = "PINWIRE_FAULT_STEP";

/// The collection of all that is not known to live: nothing is.
fn collect(machine: &Machine, configuration: &Value) {
    let mut configuration = configuration.clone();
    configuration["cni.dev/valid-attachments"] = json!([]);
    cni(machine, "GC", "a", &configuration).ok();
}

#[test]
fn killed_at_every_step_of_add() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let add = cni(machine, "ADD", "a", &asked);
        let mut steps = 0;
        loop {
            machine.netns("a");
            steps += 1;
            let reply = add.clone().set(FAULT, &steps.to_string()).run();
            if steps % 2 == 0 {
                cni(machine, "DEL", "a", &asked).ok();
            } else {
                collect(machine, &asked);
            }
            machine.assert_restored(&format!("killed at step {steps} of ADD"));
            assert_eq!(machine.state_files().len(), 0, "step {steps}");
            machine.remove("a");
            if reply.signal.is_none() {
                assert!(reply.code == Some(0), "{reply:?}");
                break;
            }
        }
        assert!(steps > 15, "only {steps} steps");
    });
}

#[test]
fn killed_at_every_step_of_add_and_added_again() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let (mut steps, mut killed) = (0, true);
        while killed {
            steps += 1;
            // The runtime gives up on the container, and starts another one with the same virtual function.
            machine.netns("a");
            let add = cni(machine, "ADD", "a", &asked);
            killed = add.set(FAULT, &steps.to_string()).run().signal.is_some();
            machine.remove("a");
            machine.netns("b");
            cni(machine, "ADD", "b", &asked).ok();
            // The old container's DEL comes late, and touches nothing.
            cni(machine, "DEL", "a", &asked).set("CNI_NETNS", "").ok();
            let netns = Netns::open(&machine.netns_path("b")).unwrap();
            assert!(inside::run(&netns, "ip -d link show net1").contains("02:00:00:00:aa:01"));
            assert_eq!(crate::attributes::attributes(machine, 0)["trust"], true);
            cni(machine, "DEL", "b", &asked).ok();
            machine.remove("b");
            machine.assert_restored(&format!("killed at step {steps} of ADD"));
        }
    });
}

#[test]
fn killed_at_every_step_of_del() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let mut steps = 0;
        loop {
            machine.netns("a");
            cni(machine, "ADD", "a", &asked).ok();
            steps += 1;
            let del = cni(machine, "DEL", "a", &asked);
            let reply = del.clone().set(FAULT, &steps.to_string()).run();
            if steps % 2 == 0 {
                del.ok();
            } else {
                collect(machine, &asked);
            }
            machine.assert_restored(&format!("killed at step {steps} of DEL"));
            assert_eq!(machine.state_files().len(), 0, "step {steps}");
            machine.remove("a");
            if reply.signal.is_none() {
                assert!(reply.code == Some(0), "{reply:?}");
                break;
            }
        }
        assert!(steps > 8, "only {steps} steps");
    });
}

#[test]
fn the_namespace_dies_without_del() {
    machine(|machine| {
        let device = functions(0)[0].address.to_string();
        let asked = all(&device);
        for empty in [true, false] {
            machine.netns("a");
            cni(machine, "ADD", "a", &asked).ok();
            machine.remove("a");
            let del = cni(machine, "DEL", "a", &asked);
            let del = if empty { del.set("CNI_NETNS", "") } else { del };
            del.ok();
            machine.assert_restored("DEL after the namespace");
        }
        machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        machine.remove("a");
        collect(machine, &asked);
        machine.assert_restored("GC after the namespace");
    });
}

#[test]
fn the_name_in_the_container_is_taken_on_the_host() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        run("ip link add net1 type bridge");
        // The kernel gives it another name when the namespace dies; a DEL before that has to do so by itself.
        for dies in [true, false] {
            machine.netns("a");
            cni(machine, "ADD", "a", &asked).ok();
            if dies {
                machine.remove("a");
            }
            cni(machine, "DEL", "a", &asked).ok();
            machine.assert_restored("DEL with a bridge of the name");
            if !dies {
                machine.remove("a");
            }
        }
        run("ip link delete net1");
    });
}

#[test]
fn the_container_changes_its_interface() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        for command in [
            "ip link set net1 down",
            "ip link set net1 name other",
            "ip link set other address 02:00:00:00:bb:01",
            "ip link set other mtu 1280 txqueuelen 17",
            "ip link set other promisc on allmulticast on",
            "ip link property add dev other altname mine",
            "ip link set other up",
        ] {
            inside::run(&netns, command);
        }
        cni(machine, "DEL", "a", &asked).ok();
        machine.assert_restored("DEL of a changed interface");
    });
}

#[test]
fn an_interface_that_was_up_and_had_names_is_so_again() {
    machine(|machine| {
        let function = &functions(0)[6];
        let name = &function.interface.as_ref().unwrap().name;
        run(&format!(
            "ip link property add dev {name} altname net1 altname uplink"
        ));
        run(&format!("ip link set {name} up mtu 1450"));
        let before = crate::machine::snapshot(&machine.physical);
        let netns = machine.netns("a");
        let asked = all(&function.address.to_string());
        cni(machine, "ADD", "a", &asked).ok();
        // The host has something of that name by now.
        run("ip link add uplink type bridge");
        drop(netns);
        run("ip link delete uplink");
        cni(machine, "DEL", "a", &asked).ok();
        let after = crate::machine::snapshot(&machine.physical);
        assert!(before == after, "it was\n{before:#}\nand is\n{after:#}");
        run(&format!("ip link set {name} down mtu 1500"));
        run(&format!(
            "ip link property del dev {name} altname net1 altname uplink"
        ));
    });
}

#[test]
fn a_process_keeps_the_namespace_that_the_runtime_lost() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        let mut sleeper = netns
            .run(|| {
                Command::new("sleep")
                    .arg("600")
                    .stdin(Stdio::null())
                    .spawn()
            })
            .unwrap()
            .unwrap();
        drop(netns);
        machine.remove("a");
        cni(machine, "DEL", "a", &asked).ok();
        machine.assert_restored("DEL with a process in the namespace");
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    });
}

#[test]
fn a_container_whose_namespace_is_mounted_nowhere_keeps_its_own() {
    machine(|machine| {
        let asked = all(&functions(0)[0].address.to_string());
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        let sleeper = netns.run(|| Command::new("sleep").arg("600").spawn());
        let mut sleeper = sleeper.unwrap().unwrap();
        // The mount namespace of the next caller may not show where the first one mounted it.
        machine.remove("a");
        machine.netns("b");
        let add = cni(machine, "ADD", "b", &asked);
        let error = add.fails(11);
        assert!(error.contains("held"), "{error}");
        assert!(inside::run(&netns, "ip -d link show net1").contains("02:00:00:00:aa:01"));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        drop(netns);
        add.ok();
        cni(machine, "DEL", "a", &asked).ok();
        assert_eq!(crate::attributes::attributes(machine, 0)["trust"], true);
        cni(machine, "DEL", "b", &asked).ok();
    });
}

#[test]
fn a_namespace_that_nobody_can_enter_is_left_by_binding_the_driver_anew() {
    machine(|machine| {
        let function = &functions(0)[5];
        let asked = all(&function.address.to_string());
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        // Only this descriptor keeps it: neither a process nor a mount leads there.
        machine.remove("a");
        cni(machine, "DEL", "a", &asked).ok();
        drop(netns);
        eventually("udev has named the new interface", || {
            run("udevadm settle");
            let function = &functions(0)[5];
            function
                .interface
                .as_ref()
                .is_some_and(|one| one.name.starts_with("enp"))
        });
    });
}

#[test]
fn a_call_is_killed_while_it_binds_the_driver_anew() {
    machine(|machine| {
        let function = &functions(0)[5];
        let asked = all(&function.address.to_string());
        let (mut steps, mut unbound) = (0, false);
        while !unbound {
            steps += 1;
            let netns = machine.netns("a");
            cni(machine, "ADD", "a", &asked).ok();
            machine.remove("a");
            let del = cni(machine, "DEL", "a", &asked);
            let reply = del.clone().set(FAULT, &steps.to_string()).run();
            assert!(
                reply.signal.is_some(),
                "no step without a driver: {reply:?}"
            );
            unbound = functions(0)[5].driver.is_none();
            del.ok();
            drop(netns);
            eventually("it is what it was", || {
                run("udevadm settle");
                let now = &functions(0)[5];
                let name = now.interface.as_ref().map(|one| &one.name);
                now.driver == function.driver
                    && name == function.interface.as_ref().map(|one| &one.name)
            });
            machine.assert_restored(&format!("killed at step {steps} of DEL"));
        }
    });
}

#[test]
fn virtual_functions_that_were_disabled_meanwhile_are_no_error() {
    machine(|machine| {
        let function = &functions(1)[0];
        let asked = configuration(&json!({"deviceID": function.address}));
        machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        let sysfs = pinwire_wiring::machine::Sysfs::default();
        sysfs.free(function.physical).unwrap();
        cni(machine, "DEL", "a", &asked).ok();
        assert_eq!(machine.state_files().len(), 0);
        // The new ones have MAC addresses of their own.
        machine.renew();
    });
}
