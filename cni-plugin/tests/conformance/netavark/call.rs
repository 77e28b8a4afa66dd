//! Calls of the driver, as podman and netavark make them, and what they hand to it.

use pinwire_support::call::Call;
use serde_json::{Value, json};

use crate::lab::Lab;

/// A call under the driver's name.
pub(crate) fn driver(lab: &Lab<'_>, arguments: &[&str], input: &Value) -> Call {
    Call::new(env!("CARGO_BIN_EXE_pinwire-cni"), input)
        .named("/usr/local/lib/netavark/pinwire")
        .arguments(arguments)
        .set("PINWIRE_CNI_STATE", &lab.state().display().to_string())
}

/// A setup or teardown of a container.
pub(crate) fn driver_for(lab: &Lab<'_>, verb: &str, container: &str, input: &Value) -> Call {
    let netns = lab.netns_path(container).display().to_string();
    driver(lab, &[verb, &netns], input)
}

/// A network of two subnets, as podman hands it to `create`.
pub(crate) fn network(name: &str, number: u8) -> Value {
    json!({
        "name": name,
        "id": format!("{number:064}"),
        "driver": "pinwire",
        "created": "0001-01-01T00:00:00Z",
        "subnets": [
            {"subnet": format!("10.{number}.0.0/24"), "gateway": format!("10.{number}.0.1")},
            {"subnet": format!("fd{number}::/64"), "gateway": format!("fd{number}::1")},
        ],
        "ipv6_enabled": true,
        "internal": false,
        "dns_enabled": true,
        "ipam_options": {"driver": "host-local"},
    })
}

/// What netavark sends of a container with the host numbers `host` in a network of [`network`].
pub(crate) fn exec(container: &str, network: &Value, host: u8) -> Value {
    let subnets = network["subnets"].as_array().cloned().unwrap_or_default();
    let addresses = subnets.iter().map(|subnet| {
        let gateway = subnet["gateway"].as_str().unwrap();
        format!("{}{host}", gateway.strip_suffix('1').unwrap())
    });
    json!({
        "container_id": container,
        "container_name": format!("{container}-name"),
        "port_mappings": null,
        "network": network,
        "network_options": {
            "aliases": null,
            "interface_name": "eth0",
            "static_ips": addresses.collect::<Vec<_>>(),
            "static_mac": null,
            "options": null,
        },
    })
}

/// Sets the value at a path of keys with `/` between them; `null` removes nothing and is sent.
#[must_use]
pub(crate) fn with(mut value: Value, path: &str, new: Value) -> Value {
    let mut place = &mut value;
    for key in path.split('/') {
        place = match key.parse::<usize>() {
            Ok(position) => &mut place[position],
            Err(_) => &mut place[key],
        };
    }
    *place = new;
    value
}
