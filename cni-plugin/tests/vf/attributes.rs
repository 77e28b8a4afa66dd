//! All that is asked for is there, as ip(8) sees it, and gone after DEL.

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{all, cni, configuration};
use crate::machine::{Machine, functions, link, machine};

/// What the physical function says of a virtual one.
pub(crate) fn attributes(machine: &Machine, index: usize) -> Value {
    link(&machine.physical[0])["vfinfo_list"][index].clone()
}

fn link_inside(netns: &Netns, name: &str) -> Value {
    let text = inside::run(netns, &format!("ip -d -j link show dev {name}"));
    let mut links: Value = serde_json::from_str(&text).unwrap();
    links[0].take()
}

#[test]
fn every_attribute_is_seen_and_undone() {
    machine(|machine| {
        let netns = machine.netns("a");
        let function = &functions(0)[0];
        let device = function.address.to_string();
        let result = cni(machine, "ADD", "a", &all(&device)).ok();
        let sandbox = machine.netns_path("a");
        assert_eq!(
            result["interfaces"],
            json!([{
                "name": "net1", "mac": "02:00:00:00:aa:01", "mtu": 1400,
                "sandbox": sandbox, "pciID": device,
            }])
        );
        let seen = attributes(machine, 0);
        assert_eq!(seen["address"], "02:00:00:00:aa:01", "{seen}");
        assert_eq!(
            seen["vlan_list"],
            json!([{"vlan": 100, "qos": 3}]),
            "{seen}"
        );
        assert_eq!(seen["spoofchk"], false, "{seen}");
        assert_eq!(seen["trust"], true, "{seen}");
        assert_eq!(seen["rate"]["max_tx"], 200, "{seen}");
        let inside = link_inside(&netns, "net1");
        assert_eq!(inside["address"], "02:00:00:00:aa:01");
        assert_eq!(inside["mtu"], 1400);
        assert_eq!(inside["parentdev"], device.as_str());
        assert!(inside::run(&netns, "ip address show net1").contains("10.9.0.2/24"));
        cni(machine, "DEL", "a", &all(&device)).ok();
        machine.assert_restored("DEL");
        // Again: nothing is wrong with that.
        cni(machine, "DEL", "a", &all(&device)).ok();
    });
}

#[test]
fn what_is_not_asked_for_stays_as_it_is() {
    machine(|machine| {
        machine.netns("a");
        let function = &functions(0)[1];
        let before = attributes(machine, 1);
        let configuration = configuration(&json!({"deviceID": function.address, "vlan": 0}));
        let result = cni(machine, "ADD", "a", &configuration).ok();
        assert_eq!(attributes(machine, 1), before);
        assert_eq!(result["interfaces"][0]["mac"], before["address"]);
        cni(machine, "DEL", "a", &configuration).ok();
    });
}

#[test]
fn what_the_driver_does_not_support_is_a_warning_or_an_error() {
    machine(|machine| {
        machine.netns("a");
        let log = machine.path("log");
        let device = functions(0)[2].address;
        let mut asked = configuration(&json!({
            "deviceID": device, "link_state": "enable", "trust": "on", "logFile": log,
        }));
        cni(machine, "ADD", "a", &asked).ok();
        // What comes after the link state in the kernel's order was told all the same.
        assert_eq!(attributes(machine, 2)["trust"], true);
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(
            text.contains("WARN") && text.contains("link state enable"),
            "{text}"
        );
        cni(machine, "DEL", "a", &asked).ok();
        machine.assert_restored("DEL");
        asked["strict"] = true.into();
        let error = cni(machine, "ADD", "a", &asked).fails(109);
        assert!(
            error.contains("cannot set link state enable of virtual function 2 of")
                && error.contains("EOPNOTSUPP"),
            "{error}"
        );
        machine.assert_restored("a failed ADD");
    });
}

#[test]
fn an_attribute_that_is_refused_is_named_and_all_is_undone() {
    machine(|machine| {
        machine.netns("a");
        let device = functions(0)[3].address;
        // igb can limit, but guarantee nothing.
        let asked = configuration(&json!({
            "deviceID": device, "mac": "02:00:00:00:aa:03", "vlan": 7, "trust": "on",
            "min_tx_rate": 10, "max_tx_rate": 100,
        }));
        let error = cni(machine, "ADD", "a", &asked).fails(109);
        assert!(
            error.contains("cannot set rate 10 to 100 Mbit/s of virtual function 3"),
            "{error}"
        );
        machine.assert_restored("a failed ADD");
        assert_eq!(machine.state_files().len(), 0);
    });
}

#[test]
fn a_physical_function_that_is_down_is_named() {
    machine(|machine| {
        machine.netns("a");
        let name = &machine.physical[1];
        let asked = configuration(&json!({"deviceID": functions(1)[0].address}));
        run(&format!("ip link set {name} down"));
        let error = cni(machine, "ADD", "a", &asked).fails(109);
        run(&format!("ip link set {name} up"));
        assert!(
            error.contains(&format!("run `ip link set {name} up`")),
            "{error}"
        );
    });
}

#[test]
fn flags_of_the_interface() {
    machine(|machine| {
        let netns = machine.netns("a");
        let name = &machine.physical[0];
        let asked = configuration(&json!({
            "pools": {"all": {"physicalFunctions": [name], "indices": "4-5"}},
            "vf": {"pool": "all", "trust": true, "promiscuous": true, "allmulticast": true},
        }));
        let result = cni(machine, "ADD", "a", &asked).ok();
        assert_eq!(
            result["interfaces"][0]["pciID"],
            functions(0)[4].address.to_string()
        );
        let flags = link_inside(&netns, "net1")["flags"].to_string();
        assert!(
            flags.contains("PROMISC") && flags.contains("ALLMULTI"),
            "{flags}"
        );
        cni(machine, "DEL", "a", &asked).ok();
    });
}
