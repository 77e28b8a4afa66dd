//! What can be reset, as a directory tree says.

use crate::tree::{Tree, address, write};

#[test]
fn what_can_be_reset_is_known() {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 2);
    let function = address("0000:01:10.0");
    assert!(!tree.sysfs().can_reset(function));
    assert_eq!(tree.sysfs().reset_methods(function).unwrap(), None);
    let device = tree.device("0000:01:10.0");
    write(&device.join("reset"), "");
    write(&device.join("reset_method"), "flr bus");
    assert!(tree.sysfs().can_reset(function));
    let methods = tree.sysfs().reset_methods(function).unwrap();
    assert_eq!(methods.as_deref(), Some("flr bus"));
    assert!(!tree.sysfs().can_reset(address("0000:01:10.2")));
}
