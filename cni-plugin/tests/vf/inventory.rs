//! What an administrator is told of the cards, and what they may change.

use pinwire_support::command::run;
use pinwire_wiring::allocation::inventory;
use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::ledger::State;
use pinwire_wiring::machine::Sysfs;
use serde_json::json;

use crate::call::{all, cni};
use crate::machine::{FUNCTIONS, functions, machine};

#[test]
fn the_list_says_who_has_what() {
    machine(|machine| {
        machine.netns("a");
        let function = &functions(0)[0];
        let asked = all(&function.address.to_string());
        cni(machine, "ADD", "a", &asked)
            .set("CNI_ARGS", "K8S_POD_NAMESPACE=lab;K8S_POD_NAME=web")
            .ok();
        let (sysfs, state) = (Sysfs::default(), State::at(machine.path("state")));
        let list = serde_json::to_value(inventory::list(&sysfs, &state).unwrap()).unwrap();
        assert_eq!(list.as_array().unwrap().len(), 2);
        assert_eq!(list[0]["interface"]["name"], machine.physical[0].as_str());
        assert_eq!(
            (&list[0]["up"], &list[0]["deviceId"]),
            (&json!(true), &json!("8086:10c9"))
        );
        let functions = list[0]["virtualFunctions"].as_array().unwrap();
        assert_eq!(functions.len(), FUNCTIONS as usize);
        let first = &functions[0];
        assert_eq!(first["holder"], "`net1` of pod lab/web");
        assert_eq!(first["owner"]["container"], "a");
        assert_eq!(first["attributes"]["vlan"]["id"], 100);
        assert_eq!(first["attributes"]["mac"], "02:00:00:00:aa:01");
        assert_eq!(first["driver"], "igbvf");
        assert!(first["iommuGroup"].is_u64(), "{first}");
        assert_eq!(functions[1]["holder"], json!(null));
        // What somebody has is not taken away.
        let held = "is held by `net1` of pod lab/web";
        let error = inventory::free(&sysfs, &state, function.physical).unwrap_err();
        assert!(error.to_string().contains(held), "{error}");
        let bind = |driver| inventory::bind(&sysfs, &state, function.address, driver);
        let error = bind(Some(VFIO)).unwrap_err();
        assert!(error.to_string().contains(held), "{error}");
        cni(machine, "DEL", "a", &asked).ok();
        run("modprobe vfio-pci");
        assert_eq!(bind(Some(VFIO)).unwrap().driver.as_deref(), Some(VFIO));
        assert_eq!(bind(None).unwrap().driver.as_deref(), Some("igbvf"));
        inventory::free(&sysfs, &state, function.physical).unwrap();
        let created = inventory::create(&sysfs, &state, function.physical, FUNCTIONS).unwrap();
        assert_eq!(created.len(), FUNCTIONS as usize);
        run("udevadm settle");
        machine.renew();
    });
}
