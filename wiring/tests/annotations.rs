//! The annotation types: what they accept, what they refuse, and how they say it.

use std::str::FromStr;

use pinwire_wiring::annotation::{Destination, Forwarding, Link, LinkType, Peer, Plane, Scalar};
use pinwire_wiring::name::{InterfaceName, MacAddress, NodeName, TopologyName};
use serde_json::{Value, json};

/// A text, and a piece of the message that refuses it; none where it is accepted.
type Case<'a> = (&'a str, Option<&'a str>);

/// Fails unless each text is accepted and comes back the same, or is refused by a message that holds text and piece.
fn check<T: FromStr<Err = String> + ToString>(cases: &[Case<'_>]) {
    for (text, refusal) in cases {
        match (text.parse::<T>(), refusal) {
            (Ok(value), None) => assert_eq!(value.to_string(), *text),
            (Err(message), Some(piece)) => {
                assert!(message.contains(piece), "`{text}`: {message}");
                assert!(message.contains(text), "`{text}` is not named: {message}");
            }
            (Ok(_), Some(_)) => panic!("`{text}` is accepted"),
            (Err(message), None) => panic!("`{text}` is refused: {message}"),
        }
    }
}

#[test]
fn interface_names() {
    check::<InterfaceName>(&[
        ("eth0", None),
        ("eth0.100", None),
        ("abcdefghijklmno", None),
        ("abcdefghijklmnop", Some("16 bytes")),
        ("", Some("is empty")),
        ("lo", Some("loopback")),
        (".", Some("reserved")),
        ("..", Some("reserved")),
        ("a/b", Some("character")),
        ("a b", Some("character")),
        ("a:b", Some("character")),
        ("a%d", Some("character")),
        ("é", Some("character")),
    ]);
}

#[test]
fn node_and_topology_names() {
    let long = "a".repeat(64);
    let cases = [
        ("h1", None),
        ("a-b-3", None),
        (&long[..63], None),
        (&long, Some("64 bytes")),
        ("", Some("0 bytes")),
        ("H1", Some("DNS label")),
        ("-a", Some("DNS label")),
        ("a-", Some("DNS label")),
        ("a.b", Some("DNS label")),
    ];
    check::<NodeName>(&cases);
    check::<TopologyName>(&cases);
}

#[test]
fn mac_addresses() {
    check::<MacAddress>(&[
        ("02:00:00:00:00:01", None),
        ("02:00:00:00:00", Some("six pairs")),
        ("02:00:00:00:00:01:02", Some("six pairs")),
        ("2:0:0:0:0:1", Some("six pairs")),
        ("02-00-00-00-00-01", Some("six pairs")),
        ("02:00:00:00:00:+1", Some("six pairs")),
        ("02:00:00:00:00:0g", Some("six pairs")),
        ("03:00:00:00:00:01", Some("multicast")),
        ("00:00:00:00:00:00", Some("not the address of an interface")),
    ]);
    let upper: MacAddress = "0A:0B:0C:0D:0E:0F".parse().unwrap();
    assert_eq!(upper.to_string(), "0a:0b:0c:0d:0e:0f");
    assert_eq!(MacAddress::from_bytes(upper.bytes()), upper);
}

#[test]
fn peers() {
    check::<Peer>(&[
        ("h1:down", None),
        ("host:lab0", None),
        ("h1", Some("NODE:INTERFACE")),
        ("h1:", Some("is empty")),
        (":down", Some("0 bytes")),
        ("H1:down", Some("DNS label")),
        ("host:a:b", Some("character")),
    ]);
}

#[test]
fn destinations() {
    check::<Destination>(&[
        ("default", None),
        ("10.0.2.0/24", None),
        ("fd00::/64", None),
        ("10.0.2.1/24", Some("write 10.0.2.0/24")),
        ("10.0.2.0/33", Some("not a destination")),
        ("anywhere", Some("not a destination")),
    ]);
    let host: Destination = "10.0.2.20".parse().unwrap();
    assert_eq!(host.to_string(), "10.0.2.20/32");
}

#[test]
fn a_link_is_read_with_its_defaults_and_refuses_unknown_keys() {
    let link: Link = serde_json::from_value(json!({"interface": "up", "peer": "h1:down"})).unwrap();
    assert_eq!(
        (link.kind, link.mtu, link.mac),
        (LinkType::Veth, None, None)
    );
    assert!(link.addresses.is_empty() && link.host_addresses.is_empty());
    let refused: [(Value, &str); 5] = [
        (
            json!({"interface": "up", "adresses": []}),
            "unknown field `adresses`",
        ),
        (json!({"peer": "h1:down"}), "missing field `interface`"),
        (
            json!({"interface": "up", "addresses": ["10.0.0.1/40"]}),
            "invalid",
        ),
        (
            json!({"interface": "up", "type": "bridge"}),
            "unknown variant `bridge`",
        ),
        (json!({"interface": "up", "mtu": -1}), "invalid value"),
    ];
    for (value, piece) in refused {
        let message = serde_json::from_value::<Link>(value)
            .unwrap_err()
            .to_string();
        assert!(message.contains(piece), "{message}");
    }
}

#[test]
fn forwarding_is_read_with_its_defaults_and_written_as_it_was_read() {
    assert_eq!(
        serde_json::from_value::<Forwarding>(json!({})).unwrap(),
        Forwarding::default()
    );
    assert_eq!(Forwarding::default().plane, Plane::Kernel);
    let value = json!({
        "plane": "mirror",
        "routes": [{"to": "default", "via": "fd00::1", "interface": "up", "table": 7}],
        "rules": [{"priority": 5, "table": 7, "protocol": "udp", "destinationPort": 53}],
        "neighbours": [{"ip": "10.0.0.9", "mac": "02:00:00:00:00:09", "interface": "up"}],
        "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "1 2 3"},
    });
    let forwarding: Forwarding = serde_json::from_value(value.clone()).unwrap();
    let key = "net.ipv4.ip_forward".parse().unwrap();
    assert_eq!(forwarding.sysctls[&key], Scalar::Number(1));
    assert_eq!(serde_json::to_value(&forwarding).unwrap(), value);
    let unknown = json!({"routes": [{"to": "default", "dev": "up"}]});
    let message = serde_json::from_value::<Forwarding>(unknown)
        .unwrap_err()
        .to_string();
    assert!(message.contains("unknown field `dev`"), "{message}");
}
