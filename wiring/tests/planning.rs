//! From annotations to identities and settings, without a kernel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use pinwire_wiring::annotation::{Forwarding, Link};
use pinwire_wiring::identity::{ALTNAME_PREFIX, HOST, altname, group, mac};
use pinwire_wiring::name::{InterfaceName, TopologyName};
use pinwire_wiring::setting::{Setting, host_settings, settings};
use serde_json::{Value, json};

fn links(value: Value) -> Vec<Link> {
    serde_json::from_value(value).unwrap()
}

fn forwarding(value: Value) -> Forwarding {
    serde_json::from_value(value).unwrap()
}

/// A plan as text, one setting a line.
fn plan(links_value: Value, forwarding_value: Value) -> Vec<String> {
    let plan = settings(&links(links_value), &forwarding(forwarding_value));
    plan.iter().map(ToString::to_string).collect()
}

fn topology(name: &str) -> TopologyName {
    name.parse().unwrap()
}

#[test]
fn a_node_of_the_line_is_told_everything_in_order() {
    let plan = plan(
        json!([
            {"interface": "up", "addresses": ["10.0.3.200/32"]},
            {"interface": "down", "addresses": ["10.0.3.101/24", "fd00::1/64"]},
        ]),
        json!({
            "routes": [{"to": "10.0.2.20/32", "via": "10.0.3.201"}],
            "rules": [{"priority": 9, "table": 7, "from": "10.0.0.10/32", "protocol": "udp", "destinationPort": 5}],
            "neighbours": [{"ip": "10.0.3.201", "mac": "02:00:00:00:00:09", "interface": "down"}],
            "sysctls": {"net.ipv4.conf.all.arp_ignore": 1, "net.core.somaxconn": 9},
        }),
    );
    let expected = [
        "sysctl net.ipv4.ip_forward=1",
        "sysctl net.ipv6.conf.all.forwarding=1",
        "sysctl net.ipv4.conf.all.arp_announce=0",
        "sysctl net.ipv4.conf.all.arp_ignore=1",
        "sysctl net.ipv4.conf.all.rp_filter=0",
        "sysctl net.ipv4.conf.default.arp_announce=0",
        "sysctl net.ipv4.conf.default.arp_ignore=0",
        "sysctl net.ipv4.conf.default.rp_filter=0",
        "sysctl net.ipv6.conf.default.accept_dad=0",
        "sysctl net.ipv6.conf.default.accept_ra=0",
        "sysctl net.core.somaxconn=9",
        "sysctl net.ipv6.conf.down.accept_dad=0",
        "sysctl net.ipv6.conf.down.accept_ra=0",
        "sysctl net.ipv6.conf.up.accept_dad=0",
        "sysctl net.ipv6.conf.up.accept_ra=0",
        "interface lo up",
        "address 10.0.3.200/32 on up",
        "address 10.0.3.101/24 on down",
        "address fd00::1/64 on down",
        "interface up up",
        "interface down up",
        "neighbour 10.0.3.201 at 02:00:00:00:00:09 on down",
        "route 10.0.2.20/32 via 10.0.3.201",
        "rule 9: from 10.0.0.10/32 ipproto udp dport 5 lookup 7",
    ];
    assert_eq!(plan, expected);
}

#[test]
fn planes_join_the_two_interfaces_both_ways() {
    for (plane, way) in [("mirror", "mirror"), ("xdp", "xdp redirect")] {
        let ends = json!([{"interface": "up"}, {"interface": "down"}]);
        let plan = plan(ends, json!({"plane": plane}));
        let last = [
            format!("{way} from up to down"),
            format!("{way} from down to up"),
        ];
        assert_eq!(plan[plan.len() - 2..], last);
        assert_eq!(plan[0], "sysctl net.ipv4.ip_forward=0");
    }
}

#[test]
fn the_manifest_s_sysctls_come_before_the_baseline_s() {
    let one = json!([{"interface": "eth0.1"}]);
    let plan = plan(
        one,
        json!({"sysctls": {
            "net.ipv4.conf.all.forwarding": 0,
            "net.ipv4.conf.default.rp_filter": 2,
            "net.ipv6.conf.eth0/1.accept_ra": 2,
        }}),
    );
    let has = |line: &str| plan.iter().any(|found| found == line);
    assert!(
        !plan.iter().any(|line| line.contains("ip_forward")),
        "the same by another name"
    );
    assert!(has("sysctl net.ipv4.conf.all.forwarding=0"));
    assert!(has("sysctl net.ipv4.conf.default.rp_filter=2"));
    assert!(
        has("sysctl net.ipv4.conf.eth0/1.rp_filter=2"),
        "for interfaces that exist already"
    );
    assert!(
        has("sysctl net.ipv6.conf.eth0/1.accept_ra=2"),
        "the particular before the general"
    );
}

#[test]
fn the_host_is_told_about_its_own_ends_only() {
    let links = links(json!([
        {"interface": "a", "peer": "host:lab0", "hostAddresses": ["10.0.0.1/24"]},
        {"interface": "b", "peer": "h2:a"},
        {"interface": "c"},
    ]));
    let plan: Vec<String> = host_settings(&links)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(plan, ["address 10.0.0.1/24 on lab0", "interface lab0 up"]);
}

#[test]
fn settings_are_saved_and_read_back() {
    let plan = settings(
        &links(json!([{"interface": "a", "addresses": ["10.0.0.1/24"]}, {"interface": "b"}])),
        &forwarding(
            json!({"plane": "mirror", "rules": [{"priority": 1, "table": 2}],
            "routes": [{"to": "default", "via": "10.0.0.2"}]}),
        ),
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Setting>>(&text).unwrap(), plan);
    let wrong = r#"{"sysctl": {"key": "kernel.panic", "value": "1"}}"#;
    assert!(
        serde_json::from_str::<Setting>(wrong).is_err(),
        "a key is checked here, too"
    );
}

#[test]
fn identities_are_the_same_in_every_run() {
    let (up, down): (InterfaceName, InterfaceName) =
        ("up".parse().unwrap(), "down".parse().unwrap());
    let chain = topology("chain");
    // By sha256sum(1). Were these to change, running topologies would no longer be recognised.
    assert_eq!(mac(&chain, ("h1", &up)).to_string(), "56:16:d1:d5:59:d0");
    assert_eq!(
        altname(&chain, ("h1", &up)),
        "pinwire-chain-65df1e1fdc587a35"
    );
    assert_eq!(group(&chain, ("h1", &down), ("h2", &up)), 0x6b32_8946);
    assert_eq!(
        group(&chain, ("h2", &up), ("h1", &down)),
        0x6b32_8946,
        "whichever end is first"
    );
}

#[test]
fn identities_differ_and_stay_within_their_bounds() {
    let (mut macs, mut altnames, mut groups) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let longest = "t".repeat(63);
    for name in ["chain", "ring", &longest] {
        let topology = topology(name);
        let host: InterfaceName = "lab0".parse().unwrap();
        for node in 0..40 {
            let node = format!("h{node}");
            for interface in ["up", "down", "u", "pdown"] {
                let interface: InterfaceName = interface.parse().unwrap();
                let mac = mac(&topology, (&node, &interface));
                assert_eq!(mac.bytes()[0] & 3, 2, "unicast, locally administered");
                let altname = altname(&topology, (&node, &interface));
                assert!(altname.starts_with(ALTNAME_PREFIX) && altname.len() <= 127);
                let group = group(&topology, (&node, &interface), (HOST, &host));
                assert!(group > 1 && i32::try_from(group).is_ok());
                assert!(macs.insert(mac) && altnames.insert(altname) && groups.insert(group));
            }
        }
    }
}
