//! What is written to sysfs to make virtual functions and to change drivers. Nothing answers: the effects are the
//! kernel's.

use std::fs;

use crate::tree::{Tree, address};

fn text(tree: &Tree, path: &str) -> String {
    fs::read_to_string(tree.path(path)).unwrap()
}

#[test]
fn virtual_functions_are_made_only_where_there_are_none() {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 0);
    tree.physical("0000:01:00.1", "ens1f1", 2);
    let sysfs = tree.sysfs();
    let created = sysfs.create(address("0000:01:00.0"), 7).unwrap();
    assert_eq!(created, []);
    let numvfs = "bus/pci/devices/0000:01:00.0/sriov_numvfs";
    assert_eq!(text(&tree, numvfs).trim(), "7");
    let error = sysfs.create(address("0000:01:00.0"), 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "0000:01:00.0 can have 7 virtual functions, not 8"
    );
    let error = sysfs.create(address("0000:01:00.1"), 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "0000:01:00.1 has 2 virtual functions already: free them first"
    );
    // As many as there are already.
    let found = sysfs.create(address("0000:01:00.1"), 2).unwrap();
    assert_eq!(found.len(), 2);
    sysfs.free(address("0000:01:00.1")).unwrap();
    let numvfs = "bus/pci/devices/0000:01:00.1/sriov_numvfs";
    assert!(text(&tree, numvfs).starts_with('0'));
}

#[test]
fn a_driver_is_given_by_override() {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 1);
    fs::write(tree.path("bus/pci/drivers_probe"), "").unwrap();
    let sysfs = tree.sysfs();
    let function = address("0000:01:10.0");
    let error = sysfs.bind(function, "vfio-pci").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the driver `vfio-pci` is not loaded: run `modprobe vfio-pci`"
    );
    fs::create_dir(tree.path("bus/pci/drivers/vfio-pci")).unwrap();
    // No kernel binds it here.
    let error = sysfs.bind(function, "vfio-pci").unwrap_err();
    assert_eq!(
        error.to_string(),
        "0000:01:10.0 has the driver `igbvf` instead of the driver `vfio-pci`"
    );
    let device = "bus/pci/devices/0000:01:10.0";
    assert!(text(&tree, &format!("{device}/driver_override")).starts_with("vfio-pci"));
    assert_eq!(
        text(&tree, "bus/pci/drivers/igbvf/unbind").trim(),
        "0000:01:10.0"
    );
    assert_eq!(text(&tree, "bus/pci/drivers_probe"), "0000:01:10.0");
    // What is bound already is left alone.
    fs::write(tree.path("bus/pci/drivers_probe"), "").unwrap();
    sysfs.bind(function, "igbvf").unwrap();
    assert_eq!(text(&tree, "bus/pci/drivers_probe"), "");
    sysfs.unbind(function).unwrap();
    assert!(text(&tree, &format!("{device}/driver_override")).starts_with('\n'));
}
