//! Which interrupts there are, as a directory tree says.

use std::fs;

use crate::tree::{Tree, address, write};

#[test]
fn interrupts_are_listed_in_order() {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 1);
    let function = address("0000:01:10.0");
    assert_eq!(tree.sysfs().interrupts(function).unwrap(), [0; 0]);
    let directory = tree.device("0000:01:10.0").join("msi_irqs");
    for number in ["131", "30", "29"] {
        write(&directory.join(number), "msix");
    }
    fs::create_dir(directory.join("power")).unwrap();
    assert_eq!(tree.sysfs().interrupts(function).unwrap(), [29, 30, 131]);
}
