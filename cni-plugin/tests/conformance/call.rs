//! Calls of the executable, and the configurations that they are made with.

use pinwire_support::call::Call;
use serde_json::{Value, json};

use crate::lab::Lab;

/// A call with all variables of a container whose id is that of its namespace, and of `eth0`.
pub(crate) fn cni(lab: &Lab<'_>, verb: &str, container: &str, configuration: &Value) -> Call {
    Call::new(env!("CARGO_BIN_EXE_pinwire-cni"), configuration)
        .container(verb, container, &lab.netns_path(container), "eth0")
        .set("CNI_PATH", &lab.search_path())
        .set("PINWIRE_CNI_STATE", &lab.state().display().to_string())
}

/// A configuration of main-plugin mode, with host-local below the lab's directory.
pub(crate) fn interface(lab: &Lab<'_>, version: &str) -> Value {
    json!({
        "cniVersion": version,
        "name": "net",
        "type": "pinwire-cni",
        "ipam": {
            "type": "host-local",
            "dataDir": lab.path("leases"),
            "ranges": [[{"subnet": "10.77.0.0/16"}], [{"subnet": "fd77::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        },
    })
}

/// A configuration of topology mode, for a pod with annotations.
pub(crate) fn topology(version: &str, annotations: &Value) -> Value {
    json!({
        "cniVersion": version,
        "name": "net",
        "type": "pinwire-cni",
        "capabilities": {"io.kubernetes.cri.pod-annotations": true},
        "runtimeConfig": {"io.kubernetes.cri.pod-annotations": annotations},
        "prevResult": previous(version),
    })
}

/// The result of a plugin before this one.
pub(crate) fn previous(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
        "ips": [{"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}],
        "dns": {},
    })
}

/// Adds a key to an object.
#[must_use]
pub(crate) fn with(mut configuration: Value, key: &str, value: Value) -> Value {
    configuration[key] = value;
    configuration
}
