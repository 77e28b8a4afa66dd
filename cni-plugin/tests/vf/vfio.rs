//! Virtual functions that a process drives itself.

use pinwire_cni::plugin::function::inventory;
use pinwire_cni::plugin::state::State;
use pinwire_cni::vf::{Sysfs, VFIO, vfio_device};
use serde_json::json;

use crate::attributes::attributes;
use crate::call::{Call, configuration};
use crate::machine::{functions, machine, run};

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
        let result = Call::new(machine, "ADD", "a", &asked).ok();
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
        let check = Call::new(machine, "CHECK", "a", &check);
        check.ok();
        run(&format!("ip link set {} vf 6 vlan 10", machine.physical[0]));
        check.fails(105);
        Call::new(machine, "DEL", "a", &asked).ok();
        assert_eq!(attributes(machine, 6), before);
        let function = sysfs.unbind(address).unwrap();
        assert_eq!(function.driver.as_deref(), Some("igbvf"));
        run("udevadm settle");
        machine.renew();
    });
}
