//! `create`: a network as podman is to keep it. Pure.

use serde_json::{Map, Value, json};

use super::error::DriverError;
use super::message;
use super::network::Network;

/// Validates a network, and fills in what podman left to the driver: gateways (also of internal networks, where podman
/// gives none), the IPAM driver, and that there is no name service. Keys that the driver does not know stay as they are.
pub(crate) fn create(given: Value) -> Result<Value, DriverError> {
    let network = Network::read(&message::typed(given.clone())?)?;
    let Value::Object(mut entries) = given else {
        return Ok(given);
    };
    let subnets = entries.get("subnets").and_then(Value::as_array);
    let subnets: Vec<Value> = subnets
        .into_iter()
        .flatten()
        .zip(&network.subnets)
        .map(|(given, subnet)| {
            let mut entries = object(Some(given));
            entries.insert("subnet".to_owned(), json!(subnet.net));
            entries.insert("gateway".to_owned(), json!(subnet.gateway));
            Value::Object(entries)
        })
        .collect();
    let mut ipam = object(entries.get("ipam_options"));
    let driver = if subnets.is_empty() {
        "none"
    } else {
        "host-local"
    };
    ipam.insert("driver".to_owned(), driver.into());
    for (key, value) in [
        ("dns_enabled", false.into()),
        ("ipv6_enabled", network.has_v6().into()),
        ("ipam_options", Value::Object(ipam)),
        ("options", json!(network.options.write())),
        ("subnets", Value::Array(subnets)),
    ] {
        entries.insert(key.to_owned(), value);
    }
    Ok(Value::Object(entries))
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    let object = value.and_then(Value::as_object);
    object.cloned().unwrap_or_default()
}
