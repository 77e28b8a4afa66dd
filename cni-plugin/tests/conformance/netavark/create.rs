//! `create`: what it accepts, what it fills in, what it refuses.

use pinwire_support::call::Call;
use serde_json::{Value, json};

use super::call::{driver, network, with};
use crate::lab::{Lab, lab};

fn create(lab: &Lab<'_>, network: &Value) -> Call {
    driver(lab, &["create"], network)
}

#[test]
fn a_network_is_filled_in() {
    lab(|lab| {
        let given = json!({
            "name": "pw",
            "id": "0".repeat(64),
            "driver": "pinwire",
            "created": "0001-01-01T00:00:00Z",
            "subnets": [
                {"subnet": "10.90.0.7/24", "lease_range": {"start_ip": "10.90.0.100"}},
                {"subnet": "fd90::/64", "gateway": "fd90::99"},
            ],
            "routes": [{"destination": "10.0.0.0/8", "gateway": "10.90.0.1", "metric": 7}],
            "ipv6_enabled": false,
            "internal": true,
            "dns_enabled": true,
            "labels": {"a": "b"},
            "options": {"mtu": "9000", "no_default_route": "1", "metric": "5", "masquerade": "False"},
            "ipam_options": {},
            "a key of a newer version": [1, 2],
        });
        let expected = json!({
            "name": "pw",
            "id": "0".repeat(64),
            "driver": "pinwire",
            "created": "0001-01-01T00:00:00Z",
            "subnets": [
                {"subnet": "10.90.0.0/24", "gateway": "10.90.0.1", "lease_range": {"start_ip": "10.90.0.100"}},
                {"subnet": "fd90::/64", "gateway": "fd90::99"},
            ],
            "routes": [{"destination": "10.0.0.0/8", "gateway": "10.90.0.1", "metric": 7}],
            "ipv6_enabled": true,
            "internal": true,
            "dns_enabled": false,
            "labels": {"a": "b"},
            "options": {"mtu": "9000", "no_default_route": "true", "metric": "5", "masquerade": "false"},
            "ipam_options": {"driver": "host-local"},
            "a key of a newer version": [1, 2],
        });
        assert_eq!(create(lab, &given).ok(), expected);
        assert_eq!(
            create(lab, &expected).ok(),
            expected,
            "nothing is left to fill in"
        );
        let bare = json!({
            "name": "bare", "id": "1", "driver": "pinwire", "dns_enabled": true, "ipv6_enabled": false,
            "internal": false, "subnets": null, "options": null, "ipam_options": {"driver": "none"},
        });
        let bare = create(lab, &bare).ok();
        assert_eq!(bare["dns_enabled"], false);
        assert_eq!(
            (&bare["subnets"], &bare["ipam_options"]["driver"]),
            (&json!([]), &json!("none"))
        );
    });
}

/// Each row is a change to a good network, and what the message has to say.
#[test]
fn a_network_that_cannot_be_is_refused() {
    lab(|lab| {
        let rows = [
            ("name", json!("a/b"), "its name is wrong"),
            ("name", json!(""), "its name is wrong"),
            ("id", json!(".."), "its id is wrong"),
            ("name", json!(7), "invalid type"),
            ("id", Value::Null, "invalid type"),
            ("subnets", json!([]), "--subnet 10.90.0.0/24"),
            ("subnets", Value::Null, "--ipam-driver none"),
            ("subnets", json!({}), "invalid type"),
            ("subnets/0/subnet", json!("10.0.0.0"), "invalid"),
            ("subnets/0/subnet", json!("10.0.0.0/31"), "10.0.0.0/31"),
            ("subnets/1/subnet", json!("fd01::/127"), "no room"),
            ("subnets/0/gateway", json!("10.2.0.1"), "gateway 10.2.0.1"),
            ("subnets/0/gateway", json!("10.1.0.0"), "gateway 10.1.0.0"),
            ("subnets/0/gateway", json!("10.1.0.255"), "10.1.0.255"),
            ("subnets/0/gateway", json!("fd01::1"), "gateway fd01::1"),
            ("subnets/1/gateway", json!("fd1::"), "gateway fd1::"),
            ("subnets/0/gateway", json!("first"), "invalid"),
            (
                "subnets/1",
                json!({"subnet": "10.1.0.128/25"}),
                "10.1.0.0/24 and 10.1.0.128/25 overlap",
            ),
            ("network_dns_servers", json!(["10.1.0.53"]), "--dns"),
            ("network_interface", json!("br0"), "`br0`"),
            ("ipam_options/driver", json!("dhcp"), "`dhcp`"),
            ("ipam_options/driver", json!("none"), "10.1.0.0/24"),
            ("ipam_options", json!("none"), "invalid type"),
            ("options", json!({"mtus": "1"}), "did you mean `mtu`?"),
            (
                "options",
                json!({"Masquerade": "1"}),
                "did you mean `masquerade`?",
            ),
            (
                "options",
                json!({"no-default-route": "1"}),
                "did you mean `no_default_route`?",
            ),
            (
                "options",
                json!({"isolate": "true"}),
                "there are mtu, masquerade, metric, no_default_route",
            ),
            ("options", json!({"mtu": "67"}), "67 is not between 68"),
            ("options", json!({"mtu": "65536"}), "and 65535"),
            ("options", json!({"mtu": "-1"}), "`-1` is not a number"),
            ("options", json!({"mtu": ""}), "`` is not a number"),
            ("options", json!({"mtu": "1279"}), "1280"),
            ("options", json!({"metric": "4294967296"}), "4294967295"),
            ("options", json!({"masquerade": "yes"}), "`yes`"),
            ("options", json!({"mtu": 1500}), "invalid type"),
            ("options", json!(["mtu"]), "invalid type"),
            (
                "routes",
                json!([{"destination": "10.0.0.0/8", "gateway": "10.1.0.9"}]),
                "gateway of a subnet (10.1.0.1)",
            ),
            (
                "routes",
                json!([{"destination": "fd00::/8", "gateway": "10.1.0.1"}]),
                "(fd1::1)",
            ),
            (
                "routes",
                json!([{"destination": "10.0.0.0/8"}]),
                "no gateway",
            ),
            (
                "routes",
                json!([{"destination": "10.0.0.0/8", "route_type": "blackhole"}]),
                "`blackhole`",
            ),
            (
                "routes",
                json!([{"destination": "far", "gateway": "10.1.0.1"}]),
                "invalid",
            ),
        ];
        for (key, value, holds) in rows {
            let given = with(network("net", 1), key, value.clone());
            let message = create(lab, &given).refused();
            assert!(message.contains(holds), "{key} {value}: {message}");
        }
        let v6 = with(
            network("net", 1),
            "subnets",
            json!([{"subnet": "10.1.0.0/24"}]),
        );
        assert!(create(lab, &v6).refused().contains("IPv6 is enabled"));
        let internal = with(network("net", 1), "internal", json!(true));
        let internal = with(internal, "options", json!({"masquerade": "true"}));
        assert!(create(lab, &internal).refused().contains("internal"));
    });
}
