//! What sysfs says is read, and what it does not say is an error that names the device.

use std::fs;

use pinwire_wiring::machine::Interface;
use pinwire_wiring::vf::vfio_device;

use crate::tree::{Tree, address, write};

fn cards() -> Tree {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 7);
    tree.physical("0000:01:00.1", "ens1f1", 2);
    // A card without virtual functions.
    write(&tree.device("0000:02:00.0").join("vendor"), "0x8086");
    tree
}

#[test]
fn physical_functions() {
    let tree = cards();
    let found = tree.sysfs().physical_functions().unwrap();
    let texts: Vec<String> = found
        .iter()
        .map(|function| {
            let name = function.interface.as_ref().map(|one| one.name.as_str());
            format!(
                "{} {} {name:?} {}/{} {:?} {:?}",
                function.address,
                function.device_id,
                function.enabled,
                function.total,
                function.numa_node,
                function.driver.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        texts,
        [
            r#"0000:01:00.0 8086:10c9 Some("ens1f0") 7/7 Some(1) Some("igb")"#,
            r#"0000:01:00.1 8086:10c9 Some("ens1f1") 2/7 Some(1) Some("igb")"#,
        ]
    );
    assert_eq!(
        Tree::new().sysfs().physical_functions().unwrap(),
        Vec::new()
    );
}

#[test]
fn an_index_that_is_not_enabled() {
    let tree = cards();
    let error = tree.sysfs().by_index(address("0000:01:00.1"), 2);
    assert_eq!(
        error.unwrap_err().to_string(),
        "0000:01:00.1 has no virtual function 2: 2 are enabled, of 7"
    );
}

#[test]
fn all_of_a_virtual_function() {
    let tree = cards();
    let sysfs = tree.sysfs();
    let function = sysfs.by_index(address("0000:01:00.0"), 4).unwrap();
    assert_eq!(function.address, address("0000:01:11.0"));
    assert_eq!(function.physical, address("0000:01:00.0"));
    assert_eq!(function.index, 4);
    assert_eq!(function.driver.as_deref(), Some("igbvf"));
    assert_eq!(function.iommu_group, Some(24));
    assert_eq!(function.numa_node, None);
    let interface = Interface {
        name: "p0v4".to_owned(),
        index: 14,
    };
    assert_eq!(function.interface, Some(interface));
    assert_eq!(sysfs.virtual_function(function.address).unwrap(), function);
}

#[test]
fn an_interface_in_another_namespace_is_no_error() {
    let tree = cards();
    fs::remove_dir_all(tree.device("0000:01:10.0").join("net")).unwrap();
    let function = tree.sysfs().virtual_function(address("0000:01:10.0"));
    assert_eq!(function.unwrap().interface, None);
}

#[test]
fn the_interface_of_a_switch_port_is_not_the_card_s() {
    let tree = cards();
    let net = tree.device("0000:01:00.0").join("net");
    write(&net.join("ens1f0_0/ifindex"), "1");
    write(&net.join("ens1f0_0/phys_port_name"), "pf0vf0");
    let function = tree.sysfs().physical_function(address("0000:01:00.0"));
    assert_eq!(function.unwrap().interface.unwrap().name, "ens1f0");
}

#[test]
fn the_device_of_an_interface() {
    let tree = cards();
    let sysfs = tree.sysfs();
    assert_eq!(sysfs.device_of("ens1f1"), Some(address("0000:01:00.1")));
    assert_eq!(sysfs.device_of("p0v0"), Some(address("0000:01:10.0")));
    for name in ["", ".", "..", "../ens1f1", "lo"] {
        assert_eq!(sysfs.device_of(name), None, "{name}");
    }
}

#[test]
fn what_is_none_is_named() {
    let tree = cards();
    let sysfs = tree.sysfs();
    let error = sysfs.physical_function(address("0000:02:00.0"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "0000:02:00.0 is not a physical function: it has no sriov_totalvfs"
    );
    let error = sysfs.virtual_function(address("0000:01:00.0"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "0000:01:00.0 is not a virtual function: it has no physfn"
    );
    let error = sysfs.virtual_function(address("0000:05:00.0"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "there is no PCI device 0000:05:00.0"
    );
    write(&tree.device("0000:01:00.0").join("sriov_totalvfs"), "many");
    let error = sysfs.physical_function(address("0000:01:00.0"));
    let error = error.unwrap_err().to_string();
    assert!(
        error.ends_with("of 0000:01:00.0 holds `many`, which is no number"),
        "{error}"
    );
}

#[test]
fn the_device_of_a_function_that_a_process_drives() {
    let tree = cards();
    let sysfs = tree.sysfs();
    let read = || sysfs.virtual_function(address("0000:01:10.2")).unwrap();
    assert_eq!(vfio_device(&read()), None);
    tree.driver("0000:01:10.2", "vfio-pci");
    let device = vfio_device(&read()).unwrap();
    assert_eq!(device.to_str(), Some("/dev/vfio/21"));
}
