//! The table, its part about virtual functions: what a configuration may say, on a machine that has none. The virtual
//! functions themselves are in `tests/vf`.

use serde_json::{Value, json};

use crate::call::{cni, with};
use crate::lab::lab;
use crate::table::{add, case, plain, run};

/// A device that no machine has: buses do not go that far.
const DEVICE: &str = "ffff:ff:1f.7";

/// A configuration with keys of virtual functions.
fn asked(keys: &Value) -> Value {
    let mut configuration = plain("1.1.0");
    for (key, value) in keys.as_object().unwrap() {
        configuration = with(configuration, key, value.clone());
    }
    configuration
}

#[test]
fn what_is_said_of_virtual_functions() {
    lab(|lab| {
        let mut cases = Vec::new();
        for (name, keys, code, holds) in [
            (
                "no such device",
                json!({"deviceID": DEVICE}),
                109,
                "there is no PCI device ffff:ff:1f.7",
            ),
            (
                "Multus's key",
                json!({"pciBusID": DEVICE}),
                109,
                "no PCI device",
            ),
            (
                "capability",
                json!({"runtimeConfig": {"deviceID": DEVICE, "CNIDeviceInfoFile": "/x"}}),
                109,
                "no PCI device",
            ),
            (
                "any case",
                json!({"DeviceId": DEVICE, "VLANQOS": 1, "Vlan": 2}),
                109,
                "no PCI device",
            ),
            (
                "all of sriov-cni",
                json!({
                    "deviceID": DEVICE, "vlan": 1000, "vlanQoS": 4, "vlanProto": "802.1ad", "mac": "CA:FE:C0:FF:EE:00",
                    "spoofchk": "on", "trust": "off", "link_state": "enable", "min_tx_rate": 100, "max_tx_rate": 200,
                    "logLevel": "debug", "logFile": "/dev/null",
                }),
                109,
                "no PCI device",
            ),
            (
                "no device",
                json!({"vlan": 5}),
                7,
                "neither `deviceID` nor `vf.pool`",
            ),
            (
                "no address",
                json!({"deviceID": "eth0"}),
                7,
                "not a PCI address",
            ),
            (
                "vlan",
                json!({"deviceID": DEVICE, "vlan": 4095}),
                7,
                "between 0 and 4094",
            ),
            (
                "negative",
                json!({"deviceID": DEVICE, "vlan": -1}),
                7,
                "vlan",
            ),
            (
                "qos",
                json!({"deviceID": DEVICE, "vlan": 1, "vlanQoS": 8}),
                7,
                "between 0 and 7",
            ),
            (
                "qos alone",
                json!({"deviceID": DEVICE, "vlanQoS": 1}),
                7,
                "needs a VLAN",
            ),
            (
                "protocol",
                json!({"deviceID": DEVICE, "vlan": 1, "vlanProto": "802.1x"}),
                7,
                "vlanProto",
            ),
            (
                "spoof check",
                json!({"deviceID": DEVICE, "spoofchk": "maybe"}),
                7,
                "spoofchk",
            ),
            (
                "trust",
                json!({"deviceID": DEVICE, "trust": true}),
                7,
                "trust",
            ),
            (
                "link state",
                json!({"deviceID": DEVICE, "link_state": "up"}),
                7,
                "link_state",
            ),
            (
                "rates",
                json!({"deviceID": DEVICE, "min_tx_rate": 2, "max_tx_rate": 1}),
                7,
                "2 Mbit/s is more than",
            ),
            (
                "driver",
                json!({"deviceID": DEVICE, "vf": {"driver": "uio"}}),
                7,
                "vfio-pci",
            ),
            (
                "driver of nobody",
                json!({"deviceID": DEVICE, "vf": {"peerDriver": "vfio-pci"}}),
                7,
                "only a link of a topology has another end",
            ),
            (
                "flag without an interface",
                json!({"deviceID": DEVICE, "vf": {"driver": "vfio-pci", "promiscuous": true}}),
                7,
                "promiscuous: with the driver vfio-pci there is no interface",
            ),
            (
                "strict",
                json!({"deviceID": DEVICE, "strict": "yes"}),
                7,
                "strict",
            ),
            (
                "two ways",
                json!({"deviceID": DEVICE, "vf": {"trust": true}, "trust": "on"}),
                7,
                "all inside, or all beside",
            ),
            (
                "key of vf",
                json!({"vf": {"pool": "p", "vlans": 1}, "pools": {"p": {"physicalFunctions": ["x"]}}}),
                7,
                "vlans",
            ),
        ] {
            cases.push(case(name, add(lab, &asked(&keys)), code, holds));
        }
        run(lab, cases);
    });
}

#[test]
fn pools() {
    lab(|lab| {
        let pool = |pool: Value| json!({"vf": {"pool": "p"}, "pools": {"p": pool}});
        let mut cases = Vec::new();
        for (name, keys, code, holds) in [
            (
                "none",
                json!({"vf": {"pool": "p"}}),
                7,
                "no pool of virtual functions is defined",
            ),
            (
                "another",
                json!({"vf": {"pool": "q"}, "pools": {"p": {"cable": ["a", "b"]}}}),
                7,
                "there is no pool `q`; defined are p",
            ),
            ("no list", json!({"pools": ["p"]}), 7, "must be an object"),
            ("empty", pool(json!({})), 7, "either `physicalFunctions`"),
            (
                "nothing in it",
                pool(json!({"physicalFunctions": []})),
                7,
                "at least one",
            ),
            (
                "both",
                pool(json!({"physicalFunctions": ["a"], "cable": ["a", "b"]})),
                7,
                "either",
            ),
            (
                "one end",
                pool(json!({"cable": ["a"]})),
                7,
                "joins two physical functions, not 1",
            ),
            (
                "a kind",
                pool(json!({"cable": ["8086:10c9", "a"]})),
                7,
                "may be several",
            ),
            (
                "range",
                pool(json!({"cable": ["a", "b"], "indices": "5-2"})),
                7,
                "`indices` is `5-2`",
            ),
            (
                "first VLAN",
                pool(json!({"cable": ["a", "b"], "firstVlan": 0})),
                7,
                "between 1 and 4094",
            ),
            (
                "name",
                pool(json!({"physicalFunctions": ["a b"]})),
                7,
                "names no physical function",
            ),
            (
                "unknown key",
                pool(json!({"physicalFunction": ["a"]})),
                2,
                "did you mean `physicalFunctions`",
            ),
            (
                "no such interface",
                pool(json!({"physicalFunctions": ["nosuch0"]})),
                109,
                "the pool `p` names the physical function `nosuch0`",
            ),
            (
                "no such kind",
                pool(json!({"physicalFunctions": ["ffff:fffe"]})),
                109,
                "`ffff:fffe`",
            ),
            (
                "no such device",
                pool(json!({"cable": [DEVICE, "a"]})),
                109,
                "this machine has none such",
            ),
        ] {
            cases.push(case(name, add(lab, &asked(&keys)), code, holds));
        }
        run(lab, cases);
    });
}

#[test]
fn del_passes_over_mistakes() {
    lab(|lab| {
        lab.netns("web");
        for keys in [
            json!({"deviceID": DEVICE}),
            json!({"deviceID": "junk", "vlan": "five", "spoofchk": 1, "vf": [], "pools": {"p": 1}}),
            json!({"vf": {"pool": "p"}, "pools": 5}),
        ] {
            cni(lab, "DEL", "web", &asked(&keys)).ok();
        }
    });
}
