//! Calls of the executable, and the configurations that they are made with.

use pinwire_support::call::Call;
use serde_json::{Value, json};

use crate::machine::Machine;

/// A call for `net1` of a container whose id is that of its namespace.
pub(crate) fn cni(machine: &Machine, verb: &str, container: &str, configuration: &Value) -> Call {
    Call::new(env!("CARGO_BIN_EXE_pinwire-cni"), configuration)
        .container(verb, container, &machine.netns_path(container), "net1")
        .set("CNI_PATH", "/usr/lib/cni")
        .set("PINWIRE_CNI_STATE", machine.path("state").to_str().unwrap())
}

/// A configuration with more keys.
pub(crate) fn configuration(more: &Value) -> Value {
    let mut configuration = json!({"cniVersion": "1.1.0", "name": "net", "type": "pinwire-cni"});
    for (key, value) in more.as_object().unwrap() {
        configuration[key] = value.clone();
    }
    configuration
}

/// A configuration for one virtual function with all that can be asked of it.
pub(crate) fn all(device: &str) -> Value {
    configuration(&json!({
        "deviceID": device,
        "mac": "02:00:00:00:aa:01",
        "mtu": 1400,
        "vlan": 100,
        "vlanQoS": 3,
        "spoofchk": "off",
        "trust": "on",
        "max_tx_rate": 200,
        "ips": ["10.9.0.2/24"],
    }))
}
