//! Virtual functions that a process drives itself.

use pinwire_support::command::run;
use pinwire_wiring::allocation::inventory;
use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::ledger::State;
use pinwire_wiring::machine::Sysfs;
use pinwire_wiring::vf::vfio_device;
use serde_json::json;

use crate::attributes::attributes;
use crate::call::{cni, configuration};
use crate::machine::{Machine, functions, link, machine, snapshot};
use crate::wire::{attach, pod};

#[test]
fn a_function_of_vfio_is_told_all_but_has_no_interface() {
    machine(|machine| {
        run("modprobe vfio-pci");
        let sysfs = Sysfs::default();
        let address = functions(0)[6].address;
        let function = sysfs.bind(address, VFIO).unwrap();
        let device = vfio_device(&function).unwrap();
        assert!(device.exists(), "{}", device.display());
        let before = attributes(machine, 6);
        machine.netns("a");
        let asked = configuration(&json!({
            "deviceID": address, "vlan": 9, "mac": "02:00:00:00:aa:06", "spoofchk": "off",
        }));
        let result = cni(machine, "ADD", "a", &asked).ok();
        assert_eq!(
            result["interfaces"][0],
            json!({
                "name": "net1", "mac": "02:00:00:00:aa:06",
                "sandbox": machine.netns_path("a"), "pciID": address,
            })
        );
        // What the runtime gives to the container.
        let state = State::at(machine.path("state"));
        let owner = state.holding(address).unwrap().unwrap().owner;
        let devices = inventory::devices(&sysfs, &state, &owner).unwrap();
        assert_eq!(devices, [device]);
        let seen = attributes(machine, 6);
        assert_eq!(seen["vlan_list"][0]["vlan"], 9, "{seen}");
        assert_eq!(seen["address"], "02:00:00:00:aa:06", "{seen}");
        let mut check = asked.clone();
        check["prevResult"] = result;
        let check = cni(machine, "CHECK", "a", &check);
        check.ok();
        run(&format!("ip link set {} vf 6 vlan 10", machine.physical[0]));
        check.fails(105);
        cni(machine, "DEL", "a", &asked).ok();
        assert_eq!(attributes(machine, 6), before);
        let function = sysfs.unbind(address).unwrap();
        assert_eq!(function.driver.as_deref(), Some("igbvf"));
        run("udevadm settle");
        machine.renew();
    });
}

/// Gives a virtual function back to its kernel driver, and has the machine know the new interface.
fn unbind(machine: &Machine, card: usize, index: usize) {
    let address = functions(card)[index].address;
    Sysfs::default().unbind(address).unwrap();
    run("udevadm settle");
    machine.renew();
}

#[test]
fn a_wire_that_a_process_drives_at_one_end() {
    machine(|machine| {
        run("modprobe vfio-pci");
        let sysfs = Sysfs::default();
        sysfs.bind(functions(0)[4].address, VFIO).unwrap();
        let before = snapshot(&machine.physical);
        let link_of = |interface: &str, peer: &str, more: &str, vf: &str| {
            format!(
                "- {{interface: {interface}, peer: '{peer}', type: vf, {more}vf: {{pool: cable, {vf}}}}}"
            )
        };
        let driven = link_of("x", "b:y", "", "driver: vfio-pci");
        let kernel = link_of(
            "y",
            "a:x",
            "addresses: [10.6.0.2/24], mtu: 1400, ",
            "peerDriver: vfio-pci",
        );
        let nodes = [("a", &driven), ("b", &kernel)]
            .map(|(name, links)| (name.to_owned(), pod(machine, name, links)));
        // Whoever comes first takes one of each kind, where there is a pair: of index 4.
        for order in [[0, 1], [1, 0]] {
            for position in order {
                let result = attach(machine, &nodes[position]);
                let interface = &result["interfaces"][0];
                let card = functions(position);
                assert_eq!(
                    interface["pciID"],
                    card[4].address.to_string(),
                    "{order:?}: {result:#}"
                );
                let told = link(&machine.physical[position])["vfinfo_list"][4].clone();
                assert_eq!(told["vlan_list"][0]["vlan"], 5, "{order:?}: {told:#}");
                assert_eq!(told["address"], interface["mac"], "{order:?}: {told:#}");
            }
            for (name, asked) in &nodes {
                cni(machine, "DEL", name, asked).ok();
                machine.remove(name);
            }
            assert_eq!(snapshot(&machine.physical), before, "{order:?}");
            assert_eq!(machine.state_files().len(), 0);
        }
        unbind(machine, 0, 4);
    });
}

#[test]
fn what_a_driven_link_cannot_be() {
    machine(|machine| {
        let pool = "type: vf, vf: {pool: cable, driver: vfio-pci";
        machine.netns("a");
        for (name, links, code, expected) in [
            (
                "nothing is bound",
                format!("- {{interface: x, {pool}}}}}"),
                11,
                "is bound to igbvf",
            ),
            (
                "an address",
                format!("- {{interface: x, addresses: [10.6.0.1/24], {pool}}}}}"),
                104,
                "`addresses` needs an interface, and `a:x` has none",
            ),
            (
                "an MTU",
                format!("- {{interface: x, mtu: 1400, {pool}}}}}"),
                104,
                "`mtu` needs an interface, and `a:x` has none",
            ),
            (
                "a flag",
                format!("- {{interface: x, {pool}, promiscuous: true}}}}"),
                104,
                "`promiscuous` needs an interface, and `a:x` has none",
            ),
            (
                "no peer",
                format!("- {{interface: x, {pool}, peerDriver: vfio-pci}}}}"),
                104,
                "`peerDriver` of `a:x` needs a peer",
            ),
            (
                "an unknown driver",
                "- {interface: x, type: vf, vf: {pool: cable, driver: uio}}".to_owned(),
                104,
                "vfio-pci",
            ),
        ] {
            let asked = pod(machine, "a", &links);
            let error = cni(machine, "ADD", "a", &asked).fails(code);
            assert!(error.contains(expected), "{name}: {error}");
        }
        let mut asked = pod(machine, "a", &format!("- {{interface: x, {pool}}}}}"));
        asked["runtimeConfig"]["io.kubernetes.cri.pod-annotations"]["pinwire.dev/forwarding"] =
            "routes: [{to: 10.9.0.0/24, interface: x}]".into();
        let error = cni(machine, "ADD", "a", &asked).fails(104);
        assert!(
            error.contains("`a:x` has no interface: a process drives it"),
            "{error}"
        );
        machine.assert_restored("refused links");
    });
}

#[test]
fn ends_that_disagree_about_their_drivers() {
    machine(|machine| {
        run("modprobe vfio-pci");
        let link = |interface: &str, peer: &str, vf: &str| {
            format!(
                "- {{interface: {interface}, peer: '{peer}', type: vf, vf: {{pool: cable{vf}}}}}"
            )
        };
        machine.netns("a");
        machine.netns("b");
        let one = pod(machine, "a", &link("x", "b:y", ""));
        cni(machine, "ADD", "a", &one).ok();
        let other = pod(machine, "b", &link("y", "a:x", ", driver: vfio-pci"));
        let error = cni(machine, "ADD", "b", &other).fails(103);
        assert!(
            error.contains("different `vf.peerDriver` and `vf.driver`, none and vfio-pci"),
            "{error}"
        );
        // By its address a virtual function is what it is, unless something else is asked for.
        let asked = configuration(&json!({
            "deviceID": functions(0)[5].address, "vf": {"driver": "vfio-pci"},
        }));
        let error = cni(machine, "ADD", "b", &asked).fails(109);
        assert!(
            error.contains("has the driver `igbvf` instead of the driver `vfio-pci`"),
            "{error}"
        );
        cni(machine, "DEL", "a", &one).ok();
    });
}
