//! Settings: planned, applied, applied again, removed, and read by another program.

use pinwire_support::error::chain;
use pinwire_support::inside::{ip, sysctl};
use pinwire_support::sandbox::{Sandbox, sandbox};
use pinwire_wiring::annotation::{Forwarding, Link};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use pinwire_wiring::setting::{Setting, apply, host_settings, missing, remove, settings};
use pinwire_wiring::wire::{Wire, create};
use serde_json::{Value, json};

use crate::topology::{forwarding, links, no_forwarding, wire};

/// Two nodes with a wire; the second end is up.
pub(crate) fn pair(sandbox: &Sandbox) -> (Netns, Netns, Wire) {
    let [a, b] = ["a", "b"].map(|node| sandbox.netns(node));
    let wire = wire(sandbox, "a:eth0", "b:eth0");
    create(&wire).unwrap();
    let far = links(json!([{"interface": "eth0", "addresses": ["10.0.3.201/32"]}]));
    apply(&b, &settings(&far, &no_forwarding())).unwrap();
    (a, b, wire)
}

pub(crate) fn one_link() -> Vec<Link> {
    links(json!([{"interface": "eth0", "addresses": ["10.0.3.101/24", "fd00:3::1/64"]}]))
}

/// The entry of a list that has a value at a key.
fn entry<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|entry| entry[key] == value)
        .unwrap_or_else(|| panic!("no {key}={value} in {list}"))
}

fn full() -> Forwarding {
    forwarding(json!({
        "routes": [
            {"to": "10.0.2.20/32", "via": "10.0.3.201"},
            {"to": "10.9.0.0/16", "interface": "eth0", "source": "10.0.3.101", "metric": 7},
            {"to": "default", "via": "10.0.3.201", "table": 1000},
            {"to": "10.8.0.0/16", "via": "fd00:3::2", "interface": "eth0", "table": 9},
            {"to": "fd00:9::/64", "via": "fd00:3::2"},
            {"to": "default", "via": "fd00:3::2", "metric": 50},
        ],
        "rules": [
            {"priority": 100, "table": 1000, "from": "10.0.0.10/32", "to": "10.0.2.0/24",
             "interface": "eth0", "protocol": "udp", "sourcePort": 5, "destinationPort": 23432},
            {"priority": 101, "table": 9, "from": "fd00:1::/64", "protocol": "icmp"},
            {"priority": 102, "table": 9, "protocol": "tcp"},
        ],
        "neighbours": [
            {"ip": "10.0.3.20", "mac": "02:00:00:00:00:20", "interface": "eth0"},
            {"ip": "fd00:3::20", "mac": "02:00:00:00:00:21", "interface": "eth0"},
        ],
        "sysctls": {"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.tcp_rmem": "4096 8192 16384"},
    }))
}

#[test]
fn an_alternative_name_belongs_to_one_link() {
    sandbox(|sandbox| {
        let (a, _b, _wire) = pair(sandbox);
        create(&wire(sandbox, "a:eth1", "b:eth1")).unwrap();
        let name = |interface: &str| Setting::AltName {
            interface: interface.parse().unwrap(),
            name: "pinwire-a-second-name".to_owned(),
        };
        let stands = |name: Setting| missing(&observe(&a).unwrap(), &[name]).count() == 0;
        for _ in 0..2 {
            apply(&a, &[name("eth0")]).unwrap_or_else(|error| panic!("{}", chain(&error)));
        }
        assert!(stands(name("eth0")) && !stands(name("eth1")));
        let refused = chain(&apply(&a, &[name("eth1")]).unwrap_err());
        assert!(
            refused.contains("alternative name pinwire-a-second-name of eth1")
                && refused.contains("File exists"),
            "{refused}"
        );
        for _ in 0..2 {
            let errors = remove(&a, &[name("eth0")]);
            assert!(errors.is_empty(), "{errors:?}");
            assert!(!stands(name("eth0")));
        }
    });
}

#[test]
fn the_interfaces_of_a_group_come_up_together_and_no_others() {
    sandbox(|sandbox| {
        let [a, _b] = ["a", "b"].map(|node| sandbox.netns(node));
        for (interface, group) in [("eth0", Some(77)), ("eth1", Some(77)), ("eth2", None)] {
            let mut wire = wire(
                sandbox,
                &format!("a:{interface}"),
                &format!("b:{interface}"),
            );
            wire.ends[0].group = group;
            create(&wire).unwrap();
        }
        let up = || {
            let links = observe(&a).unwrap().links.into_iter();
            let up: Vec<String> = links.filter(|link| link.up).map(|link| link.name).collect();
            up.join(" ")
        };
        let together = [Setting::GroupUp { group: 77 }];
        assert_eq!(missing(&observe(&a).unwrap(), &together).count(), 1);
        for _ in 0..2 {
            apply(&a, &together).unwrap_or_else(|error| panic!("{}", chain(&error)));
            assert_eq!(up(), "eth0 eth1");
        }
        assert_eq!(missing(&observe(&a).unwrap(), &together).count(), 0);
        for _ in 0..2 {
            assert_eq!(remove(&a, &together).len(), 0);
            assert_eq!(up(), "");
        }
    });
}

#[test]
fn addresses_routes_rules_and_neighbours_are_as_planned_and_twice_is_as_once() {
    sandbox(|sandbox| {
        let (a, _b, _wire) = pair(sandbox);
        let plan = settings(&one_link(), &full());
        for _ in 0..2 {
            apply(&a, &plan).unwrap_or_else(|error| panic!("{}", chain(&error)));
            assert_full(&a);
        }
        let errors = remove(&a, &plan);
        assert!(errors.is_empty(), "{errors:?}");
        let errors = remove(&a, &plan);
        assert!(errors.is_empty(), "gone already is no error: {errors:?}");
        assert_eq!(
            ip(&a, "route show table all dev eth0")
                .as_array()
                .unwrap()
                .len(),
            0
        );
        assert_eq!(ip(&a, "rule show").as_array().unwrap().len(), 3);
    });
}

fn assert_full(netns: &Netns) {
    let addresses = &ip(netns, "address show dev eth0")[0]["addr_info"];
    assert_eq!(entry(addresses, "local", "10.0.3.101")["prefixlen"], 24);
    let v6 = entry(addresses, "local", "fd00:3::1");
    assert_eq!(v6["prefixlen"], 64);
    assert_eq!(v6["tentative"], Value::Null, "usable at once");
    let routes = ip(netns, "route show table all");
    assert_eq!(entry(&routes, "dst", "10.0.2.20")["gateway"], "10.0.3.201");
    let on_link = entry(&routes, "dst", "10.9.0.0/16");
    assert_eq!(
        (&on_link["prefsrc"], &on_link["metric"]),
        (&json!("10.0.3.101"), &json!(7))
    );
    let far = entry(&routes, "table", "1000");
    assert_eq!(
        (&far["dst"], &far["gateway"]),
        (&json!("default"), &json!("10.0.3.201"))
    );
    assert_eq!(
        entry(&routes, "dst", "10.8.0.0/16")["via"]["host"],
        "fd00:3::2"
    );
    let v6 = ip(netns, "-6 route show");
    assert_eq!(entry(&v6, "dst", "fd00:9::/64")["gateway"], "fd00:3::2");
    assert_eq!(entry(&v6, "dst", "default")["metric"], 50);
    assert_rules_and_neighbours(netns);
}

fn assert_rules_and_neighbours(netns: &Netns) {
    let rules = ip(netns, "rule show");
    assert_eq!(
        rules.as_array().unwrap().len(),
        5,
        "none is doubled: {rules}"
    );
    let rule = entry(&rules, "src", "10.0.0.10");
    let seen = ["dst", "iif", "ipproto", "table"].map(|key| rule[key].as_str().unwrap());
    assert_eq!(seen, ["10.0.2.0", "eth0", "udp", "1000"]);
    assert_eq!(
        (&rule["priority"], &rule["dstlen"]),
        (&json!(100), &json!(24))
    );
    assert!(rule.to_string().contains("23432"), "{rule}");
    let rules = ip(netns, "-6 rule show");
    assert_eq!(entry(&rules, "src", "fd00:1::")["ipproto"], "ipv6-icmp");
    let neighbours = ip(netns, "neighbour show nud permanent");
    assert_eq!(
        entry(&neighbours, "dst", "10.0.3.20")["lladdr"],
        "02:00:00:00:00:20"
    );
    assert_eq!(
        entry(&neighbours, "dst", "fd00:3::20")["lladdr"],
        "02:00:00:00:00:21"
    );
}

#[test]
fn what_somebody_took_away_is_missing() {
    sandbox(|sandbox| {
        let (a, _b, _wire) = pair(sandbox);
        let plan = settings(&one_link(), &full());
        apply(&a, &plan).unwrap();
        let seen = || -> Vec<String> {
            missing(&observe(&a).unwrap(), &plan)
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(seen(), [""; 0]);
        ip(&a, "address del fd00:3::1/64 dev eth0");
        ip(&a, "route del 10.9.0.0/16");
        assert_eq!(
            seen(),
            [
                "address fd00:3::1/64 on eth0",
                "route 10.9.0.0/16 dev eth0 src 10.0.3.101 metric 7"
            ]
        );
        ip(&a, "link set eth0 down");
        assert!(seen().contains(&"interface eth0 up".to_owned()));
    });
}

#[test]
fn the_host_s_sysctls_do_not_reach_a_node_and_the_manifest_s_do() {
    sandbox(|sandbox| {
        // What the "host" says would be copied into namespaces only if it were the initial one, so say it to the node.
        let (a, _b, _wire) = pair(sandbox);
        let set = |path: &str, value: &str| {
            a.run(|| std::fs::write(format!("/proc/sys/{path}"), value))
                .unwrap()
                .unwrap();
        };
        for key in ["rp_filter", "arp_ignore", "arp_announce"] {
            set(&format!("net/ipv4/conf/all/{key}"), "1");
            set(&format!("net/ipv4/conf/default/{key}"), "1");
        }
        assert_eq!(sysctl(&a, "net/ipv4/conf/eth0/rp_filter"), "1");
        apply(&a, &settings(&one_link(), &full())).unwrap();
        let expected = [
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv6/conf/all/forwarding", "1"),
            ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/eth0/rp_filter", "0"),
            ("net/ipv4/conf/all/arp_ignore", "1"),
            ("net/ipv4/conf/eth0/arp_ignore", "0"),
            ("net/ipv4/conf/eth0/arp_announce", "0"),
            ("net/ipv6/conf/eth0/accept_ra", "0"),
            ("net/ipv6/conf/eth0/accept_dad", "0"),
            ("net/ipv4/tcp_rmem", "4096\t8192\t16384"),
        ];
        for (path, value) in expected {
            assert_eq!(sysctl(&a, path), value, "{path}");
        }
        apply(&a, &settings(&one_link(), &no_forwarding())).unwrap();
        assert_eq!(sysctl(&a, "net/ipv4/ip_forward"), "0");
        assert_eq!(sysctl(&a, "net/ipv6/conf/all/forwarding"), "0");
    });
}

#[test]
fn the_host_s_end_is_told_its_own_settings() {
    sandbox(|sandbox| {
        let host = Netns::current().unwrap();
        sandbox.netns("a");
        let wire = wire(sandbox, "a:eth0", "host:lab0");
        create(&wire).unwrap();
        let links = links(json!([
            {"interface": "eth0", "peer": "host:lab0", "hostAddresses": ["10.0.0.1/24", "fd00::1/64"]},
        ]));
        apply(&host, &host_settings(&links)).unwrap();
        let seen = &ip(&host, "address show dev lab0")[0];
        assert!(seen["flags"].to_string().contains("UP"));
        entry(&seen["addr_info"], "local", "10.0.0.1");
        entry(&seen["addr_info"], "local", "fd00::1");
    });
}
