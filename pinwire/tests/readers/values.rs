//! Values that people write: both readers take them, or neither does.

use std::collections::BTreeMap;

use crate::both::{Written, called, pods, validated, verdict};
use crate::plan;

fn written(name: &str, links: &str, forwarding: &str) -> Written {
    let annotations = [
        ("pinwire.dev/topology", "t"),
        ("pinwire.dev/links", links),
        ("pinwire.dev/forwarding", forwarding),
    ];
    let given = annotations.into_iter().filter(|(_, text)| *text != "-");
    Written {
        namespace: None,
        name: name.to_owned(),
        annotations: given
            .map(|(key, text)| (key.to_owned(), text.to_owned()))
            .collect(),
    }
}

/// Fails unless both readers accept or refuse the pods as expected, and plan the same.
fn check(name: &str, expected: bool, pods: &[Written]) {
    let read = verdict(name, pods);
    assert_eq!(
        read.is_some(),
        expected,
        "{name}: {:#?} {:#?}",
        validated(pods).map(drop),
        called(pods).map(drop)
    );
    if let Some((topology, pods)) = read {
        plan::compare(name, &topology, &pods);
    }
}

/// A host's end besides, so that there is one right link at least.
fn link(name: &str, expected: bool, link: &str) {
    check(name, expected, &[written("a", link, "-")]);
}

fn forwarding(name: &str, expected: bool, text: &str) {
    let links = "- {interface: x, peer: host:t-x, addresses: [10.0.0.1/24, 'fd00::1/64']}\n\
                 - {interface: y.1, peer: host:t-y, addresses: [10.0.1.1/24]}\n\
                 - {interface: v, type: vf, vf: {driver: vfio-pci}}";
    check(name, expected, &[written("a", links, text)]);
}

fn pair(name: &str, expected: bool, one: &str, other: &str) {
    let one = written("a", &format!("- {{interface: x, peer: b:y{one}}}"), "-");
    let other = written("b", &format!("- {{interface: y, peer: a:x{other}}}"), "-");
    check(name, expected, &[one.clone(), other.clone()]);
    check(name, expected, &[other, one]);
}

#[test]
fn links_as_they_are_written() {
    for (expected, text) in [
        (true, ""),
        (true, "   \n"),
        (true, "# nothing"),
        (true, "null"),
        (true, "~"),
        (true, "[]"),
        (true, "---\n"),
        (true, "---\n[]\n"),
        (true, "---\n[]\n...\n"),
        (false, "{}"),
        (false, "text"),
        (false, "1"),
        (false, "- null"),
        (false, "- text"),
        (false, "- [x, 'host:h']"),
        (false, "[]\n---\n[]\n"),
        (true, "[]\n---\n"),
        (false, "{"),
        (true, "\t- {interface: x, peer: host:h}"),
        (false, "a: &a [*a]"),
        (false, "- *b"),
        (true, "- &l {interface: x, peer: 'host:h'}"),
        (
            true,
            "- &l\n  interface: x\n  peer: host:h\n- <<: *l\n  interface: y\n  peer: host:i",
        ),
        (
            true,
            "[\n\t{\"interface\": \"x\",\t\"peer\": \"host:h\"}\n]",
        ),
        (
            true,
            "[{\"interface\": \"x\", \"peer\": \"host:h\", \"mtu\": 1500,}]",
        ),
        (
            false,
            "[{\"interface\": \"x\", \"interface\": \"y\", \"peer\": \"host:h\"}]",
        ),
        (false, "- {interface: x, interface: y, peer: 'host:h'}"),
        (true, "- {\"\\u0069nterface\": x, peer: \"host:\\u0068\"}"),
        (true, "- interface: x\r\n  peer: host:h\r\n"),
        (true, "\u{feff}- {interface: x, peer: 'host:h'}"),
        (true, "- interface: >-\n    x\n  peer: |-\n    host:h\n"),
        (false, "- interface: >\n    x\n  peer: host:h\n"),
        (false, "- !!set {interface: x, peer: 'host:h'}"),
        (false, "- !link {interface: x, peer: 'host:h'}"),
        (true, "- {interface: !!str 0, peer: 'host:h'}"),
        (false, "- {interface: x, peer: 'host:h', Interface: y}"),
        (false, "- {interface: x, peer: 'host:h', ~: y}"),
        (false, "- {interface: x, peer: 'host:h', 1: y}"),
        (false, "- {interface: x, peer: 'host:h', [a]: y}"),
    ] {
        link(&format!("{text:?}"), expected, text);
    }
}

#[test]
fn values_of_a_link() {
    for (expected, text) in [
        (true, "interface: x, peer: 'host:h'"),
        (false, "interface: x"),
        (false, "peer: 'host:h'"),
        (false, "interface: ~, peer: 'host:h'"),
        (false, "interface: 0, peer: 'host:h'"),
        (true, "interface: '0', peer: 'host:h'"),
        (false, "interface: true, peer: 'host:h'"),
        (true, "interface: yes, peer: 'host:no'"),
        (true, "interface: all, peer: 'host:default'"),
        (true, "interface: a.b, peer: 'host:h'"),
        (false, "interface: a/b, peer: 'host:h'"),
        (false, "interface: 'a b', peer: 'host:h'"),
        (false, "interface: ' x', peer: 'host:h'"),
        (false, "interface: é, peer: 'host:h'"),
        (false, "interface: lo, peer: 'host:h'"),
        (false, "interface: x, peer: 'host:lo'"),
        (false, "interface: x, peer: host"),
        (false, "interface: x, peer: 'a:y'"),
        (false, "interface: x, peer: 'a:x'"),
        (false, "interface: x, peer: 'A:x'"),
        (false, "interface: x, peer: [host, h]"),
        (true, "interface: x, peer: 'host:h', type: veth"),
        (true, "interface: x, peer: 'host:h', type: ~"),
        (false, "interface: x, peer: 'host:h', type: VETH"),
        (false, "interface: x, peer: 'host:h', type: bridge"),
        (true, "interface: x, peer: 'host:h', mtu: 68"),
        (false, "interface: x, peer: 'host:h', mtu: 67"),
        (true, "interface: x, peer: 'host:h', mtu: 65535"),
        (false, "interface: x, peer: 'host:h', mtu: 65536"),
        (false, "interface: x, peer: 'host:h', mtu: -1"),
        (false, "interface: x, peer: 'host:h', mtu: '1500'"),
        (false, "interface: x, peer: 'host:h', mtu: 1500.0"),
        (false, "interface: x, peer: 'host:h', mtu: 1e3"),
        (false, "interface: x, peer: 'host:h', mtu: .inf"),
        (false, "interface: x, peer: 'host:h', mtu: .nan"),
        (
            false,
            "interface: x, peer: 'host:h', mtu: 99999999999999999999999",
        ),
        (true, "interface: x, peer: 'host:h', mtu: 0x5dc"),
        (true, "interface: x, peer: 'host:h', mtu: ~"),
        (true, "interface: x, peer: 'host:h', mtu:"),
        (
            false,
            "interface: x, peer: 'host:h', mtu: 1279, hostAddresses: ['fd00::1/64']",
        ),
        (
            true,
            "interface: x, peer: 'host:h', mtu: 1280, addresses: ['fd00::1/64']",
        ),
        (
            true,
            "interface: x, peer: 'host:h', addresses: ~, hostAddresses:",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: 10.0.0.1/24",
        ),
        (false, "interface: x, peer: 'host:h', addresses: [10.0.0.1]"),
        (false, "interface: x, peer: 'host:h', addresses: [~]"),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [10.0.0.0/24]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [10.0.0.255/24]",
        ),
        (
            true,
            "interface: x, peer: 'host:h', addresses: [10.0.0.0/31]",
        ),
        (
            true,
            "interface: x, peer: 'host:h', addresses: [10.0.0.0/32]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [0.0.0.0/0]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [127.0.0.1/8]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [224.0.0.1/24]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [255.255.255.255/32]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: ['fd00::/64']",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: ['::1/128']",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: ['ff02::1/64']",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [10.0.0.1/24, 10.0.0.1/24]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [10.0.0.1/24], hostAddresses: [10.0.0.1/24]",
        ),
        (
            false,
            "interface: x, peer: 'host:h', addresses: [10.0.0.1/24], hostAddresses: [10.0.1.1/24]",
        ),
        (
            true,
            "interface: x, peer: 'host:h', addresses: [10.0.0.1/32], hostAddresses: [10.0.1.1/32]",
        ),
        (
            false,
            "interface: x, type: vf, hostAddresses: [10.0.0.1/24]",
        ),
        (false, "interface: x, peer: 'host:h', mac: 1"),
        (
            false,
            "interface: x, peer: 'host:h', mac: 02-00-00-00-00-01",
        ),
        (
            false,
            "interface: x, peer: 'host:h', mac: '01:00:00:00:00:01'",
        ),
        (
            true,
            "interface: x, peer: 'host:h', mac: '02:00:00:00:00:01'",
        ),
        (true, "interface: x, peer: 'host:h', mac: 02:00:00:00:00:01"),
        (false, "interface: x, peer: 'host:h', vf: {}"),
        (false, "interface: x, peer: 'host:h', vf: {pool: lan}"),
        (true, "interface: x, peer: 'host:h', vf: ~"),
        (false, "interface: x, peer: 'host:h', type: vf"),
    ] {
        link(text, expected, &format!("- {{{text}}}"));
    }
    for (name, expected, text) in [
        (
            "an interface twice",
            false,
            "- {interface: x, peer: 'host:h'}\n- {interface: x, peer: 'host:i'}",
        ),
        (
            "an end on the host twice",
            false,
            "- {interface: x, peer: 'host:h'}\n- {interface: y, peer: 'host:h'}",
        ),
        (
            "an address twice",
            false,
            "- {interface: x, peer: 'host:h', addresses: [10.0.0.1/32]}\n- {interface: y, peer: 'host:i', addresses: [10.0.0.1/24]}",
        ),
        (
            "a link-local address twice",
            true,
            "- {interface: x, peer: 'host:h', addresses: ['fe80::1/64']}\n- {interface: y, peer: 'host:i', addresses: ['fe80::1/64']}",
        ),
        (
            "a MAC address twice",
            false,
            "- {interface: x, peer: 'host:h', mac: '02:00:00:00:00:01'}\n- {interface: y, peer: 'host:i', mac: '02:00:00:00:00:01'}",
        ),
        (
            "overlapping subnets",
            false,
            "- {interface: x, peer: 'host:h', addresses: [10.0.0.1/16]}\n- {interface: y, peer: 'host:i', addresses: [10.0.1.1/24]}",
        ),
    ] {
        link(name, expected, text);
    }
    for (count, expected) in [(1024, true), (1025, false)] {
        let links = (0..count).map(|n| format!("- {{interface: x{n}, peer: 'host:h{n}'}}\n"));
        link(
            &format!("{count} links"),
            expected,
            &links.collect::<String>(),
        );
    }
}

#[test]
fn virtual_functions_and_tuning() {
    for (expected, text) in [
        (true, ""),
        (true, "vf: {}"),
        (true, "vf: {pool: lan}"),
        (true, "vf: {pool: nowhere}"),
        (false, "vf: {pool: 1}"),
        (false, "vf: []"),
        (false, "vf: [lan]"),
        (false, "vf: {trusted: true}"),
        (false, "vf: {trust: yes}"),
        (false, "vf: {trust: 1}"),
        (false, "vf: {trust: 'true'}"),
        (true, "vf: {vlan: 0}"),
        (true, "vf: {vlan: 4094, vlanQoS: 7, vlanProto: 802.1ad}"),
        (false, "vf: {vlan: 4095}"),
        (false, "vf: {vlan: 1, vlanQoS: 8}"),
        (false, "vf: {vlanQoS: 3}"),
        (false, "vf: {pool: lan, vlanQoS: 3}"),
        (false, "vf: {pool: lan, vlanProto: 802.1ad}"),
        (true, "vf: {pool: lan, vlanQoS: 0, vlanProto: 802.1q}"),
        (false, "vf: {minTxRate: 9, maxTxRate: 8}"),
        (false, "vf: {peerDriver: vfio-pci}"),
        (true, "vf: {driver: vfio-pci}"),
        (false, "vf: {driver: vfio-pci}, mtu: 1500"),
        (false, "vf: {driver: vfio-pci}, addresses: [10.0.0.1/24]"),
        (false, "vf: {driver: vfio-pci, promiscuous: true}"),
        (true, "tuning: {rings: {rx: 1}, interrupts: 3}"),
        (true, "tuning: {interrupts: '0-1', offloads: ~}"),
        (false, "tuning: {interrupts: 3-1}"),
        (false, "tuning: {interrupts: [1]}"),
        (false, "tuning: {rings: {rx: 0}}"),
        (false, "tuning: {offloads: {gro: on}}"),
        (false, "tuning: {offloads: {gro: ~}}"),
        (false, "tuning: {offloads: {groo: true}}"),
        (false, "tuning: {offload: {gro: true}}"),
    ] {
        let text = format!("- {{interface: x, type: vf, {text}}}");
        link(&text, expected, &text);
    }
    let veth = "- {interface: x, peer: 'host:h', tuning: {rings: {rx: 1}}}";
    link("rings of a veth pair", false, veth);
}

#[test]
fn two_ends() {
    pair("nothing said", true, "", "");
    pair("the default said", true, ", mtu: 1500", "");
    pair("MTU", false, ", mtu: 9000", "");
    pair("types", false, ", type: vf", "");
    pair(
        "an address",
        false,
        ", addresses: [10.0.0.1/24]",
        ", addresses: [10.0.0.1/30]",
    );
    pair(
        "a link-local address",
        false,
        ", addresses: ['fe80::1/64']",
        ", addresses: ['fe80::1/64']",
    );
    pair(
        "subnets",
        false,
        ", addresses: [10.0.0.1/24]",
        ", addresses: [10.0.1.1/24]",
    );
    pair(
        "one prefix",
        true,
        ", addresses: [10.0.0.1/24]",
        ", addresses: [10.0.0.2/32]",
    );
    let mac = ", mac: '02:00:00:00:00:01'";
    pair("MAC", false, mac, mac);
    for (name, expected, one, other) in [
        ("nothing", true, "{}", "{}"),
        ("pool", false, "{pool: cable}", "{pool: lan}"),
        ("a pool at one end", false, "{pool: cable}", "{}"),
        ("index", false, "{index: 1}", "{index: 2}"),
        ("vlan", false, "{vlan: 1}", "{}"),
        ("no vlan", false, "{vlan: 0}", "{vlan: 0}"),
        ("vlanQoS", false, "{vlanQoS: 1}", "{}"),
        ("the default vlanQoS", true, "{vlanQoS: 0}", "{}"),
        ("vlanProto", false, "{vlanProto: 802.1ad}", "{}"),
        ("the default vlanProto", true, "{vlanProto: 802.1Q}", "{}"),
        ("a driver", false, "{driver: vfio-pci}", "{}"),
        (
            "drivers",
            true,
            "{driver: vfio-pci}",
            "{peerDriver: vfio-pci}",
        ),
        (
            "what each may say alone",
            true,
            "{trust: true, maxTxRate: 5}",
            "{spoofcheck: true}",
        ),
    ] {
        let end = |options: &str| format!(", type: vf, vf: {options}");
        pair(name, expected, &end(one), &end(other));
    }
}

#[test]
fn a_wire_of_which_one_end_names_no_peer() {
    let one = written(
        "a",
        "- {interface: x, peer: b:y, type: vf, vf: {pool: cable}}",
        "-",
    );
    let other = written("b", "- {interface: y, type: vf, vf: {pool: cable}}", "-");
    for pods in [[one.clone(), other.clone()], [other, one]] {
        check("one end without peer", false, &pods);
        let says = "`a:x` names `b:y` as its peer, which names no peer";
        assert_eq!(validated(&pods).unwrap_err(), [says]);
        let error = called(&pods).unwrap_err();
        assert!(
            error.contains(says) && error.contains("default/b"),
            "{error}"
        );
    }
}

#[test]
fn ends_that_do_not_meet() {
    let a = || written("a", "- {interface: x, peer: b:y}", "-");
    for (name, b) in [
        ("no such interface", "- {interface: z, peer: 'host:h'}"),
        ("no links", ""),
        ("another peer", "- {interface: y, peer: 'host:h'}"),
        ("another end", "- {interface: y, peer: a:w}"),
    ] {
        check(name, false, &[a(), written("b", b, "-")]);
    }
    let others =
        "- {interface: y, peer: a:x}\n- {interface: h, peer: 'host:h', addresses: [10.0.0.1/24]}";
    let one =
        "- {interface: x, peer: b:y}\n- {interface: i, peer: 'host:i', addresses: [10.0.0.1/24]}";
    let pods = [written("a", one, "-"), written("b", others, "-")];
    check("an address of two nodes with a link", false, &pods);
    assert!(
        called(&pods)
            .unwrap_err()
            .contains("10.0.0.1 is given twice")
    );
}

#[test]
fn planes_make_virtual_functions_promiscuous() {
    for (plane, expected) in [
        ("mirror", Some(true)),
        ("xdp", Some(true)),
        ("kernel", None),
        ("none", None),
    ] {
        let links = "- {interface: x, type: vf, vf: {pool: lan}}\n\
                     - {interface: y, type: vf, vf: {pool: lan, promiscuous: false}}";
        let pods = [written("a", links, &format!("plane: {plane}"))];
        let (topology, pods) = verdict(plane, &pods).unwrap();
        plan::compare(plane, &topology, &pods);
        let pools = pinwire::pools::parse("p", "pools: {lan: {physicalFunctions: [a]}}").unwrap();
        let links = pods[0].links.iter();
        let promiscuous = links.map(|link| pods[0].function(link, &pools).unwrap().0.promiscuous);
        let promiscuous: Vec<_> = promiscuous.collect();
        assert_eq!(promiscuous, [expected, Some(false)], "{plane}");
    }
}

#[test]
fn how_a_node_forwards() {
    for (expected, text) in [
        (true, ""),
        (true, "{}"),
        (true, "plane: ~"),
        (true, "routes:\nrules: ~\nneighbours:\nsysctls:\n"),
        (false, "[]"),
        (false, "plane: warp"),
        (true, "plane: mirror"),
        (true, "plane: none"),
        (false, "route: []"),
        (true, "routes: [{to: default, via: 10.0.0.2}]"),
        (
            true,
            "routes: [{to: default, via: 'fd00::2'}, {to: default, via: 10.0.0.2}]",
        ),
        (
            false,
            "routes: [{to: default, via: 10.0.0.2}, {to: default, via: 10.0.1.2}]",
        ),
        (false, "routes: [{to: 10.9.0.1/16, via: 10.0.0.2}]"),
        (false, "routes: [{to: 10.9.0.0/16}]"),
        (false, "routes: [{to: 10.9.0.0/16, via: 10.0.9.1}]"),
        (false, "routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]"),
        (false, "routes: [{to: 10.9.0.0/16, via: 'fd00::2'}]"),
        (false, "routes: [{to: 'fd09::/64', via: 10.0.0.2}]"),
        (false, "routes: [{to: 10.9.0.0/16, interface: eth0}]"),
        (false, "routes: [{to: 10.9.0.0/16, interface: v}]"),
        (
            true,
            "routes: [{to: 10.9.0.0/16, interface: x}, {to: 10.8.0.0/16, via: 10.9.0.1}]",
        ),
        (
            false,
            "routes: [{to: 10.9.0.0/16, via: 10.0.0.2, source: 10.0.0.7}]",
        ),
        (
            true,
            "routes: [{to: 10.9.0.0/16, via: 10.0.0.2, source: 10.0.0.1, metric: ~}]",
        ),
        (
            false,
            "routes: [{to: 10.9.0.0/16, via: 10.0.0.2, table: 0}]",
        ),
        (
            false,
            "routes: [{to: 10.9.0.0/16, via: 10.0.0.2, table: 255}]",
        ),
        (false, "routes: [{to: 10.0.0.0/24, via: 10.0.0.2}]"),
        (false, "routes: [{to: 224.0.0.0/4, via: 10.0.0.2}]"),
        (false, "routes: [{to: default, via: 'fe80::1'}]"),
        (true, "rules: [{priority: 1, table: 7}]"),
        (false, "rules: [{priority: 32766, table: 7}]"),
        (
            false,
            "rules: [{priority: 1, table: 7}, {priority: 1, table: 7}]",
        ),
        (false, "rules: [{priority: 1, table: 7, from: 10.0.0.1/24}]"),
        (
            false,
            "rules: [{priority: 1, table: 7, from: 10.0.0.0/24, to: 'fd00::/64'}]",
        ),
        (false, "rules: [{priority: 1, table: 7, sourcePort: 5}]"),
        (
            false,
            "rules: [{priority: 1, table: 7, protocol: udp, sourcePort: 0}]",
        ),
        (false, "rules: [{priority: '1', table: 7}]"),
        (false, "rules: [{table: 7}]"),
        (
            true,
            "neighbours: [{ip: 10.0.0.9, mac: '02:00:00:00:00:09', interface: x}]",
        ),
        (
            false,
            "neighbours: [{ip: 10.0.0.1, mac: '02:00:00:00:00:09', interface: x}]",
        ),
        (
            false,
            "neighbours: [{ip: 224.0.0.1, mac: '02:00:00:00:00:09', interface: x}]",
        ),
        (
            false,
            "neighbours: [{ip: 10.0.0.9, mac: '02:00:00:00:00:09', interface: z}]",
        ),
        (true, "sysctls: {net.ipv4.ip_forward: 0}"),
        (true, "sysctls: {net/ipv4/ip_forward: '0'}"),
        (true, "sysctls: {net.ipv4.tcp_rmem: 1 2 3}"),
        (false, "sysctls: {net.ipv4.ip_forward: }"),
        (false, "sysctls: {net.ipv4.ip_forward: 1.5}"),
        (false, "sysctls: {net.ipv4.ip_forward: true}"),
        (false, "sysctls: {net.ipv4.ip_forward: [1]}"),
        (
            false,
            "sysctls: {net.ipv4.ip_forward: 99999999999999999999}",
        ),
        (
            false,
            "sysctls: {net.ipv4.ip_forward: 1, net.ipv4.ip_forward: 1}",
        ),
        (false, "sysctls: {kernel.panic: 1}"),
        (false, "sysctls: {net: 1}"),
        (false, "sysctls: {net..ipv4: 1}"),
        (false, "sysctls: {net.ipv4/ip_forward: 1}"),
        (false, "sysctls: {net/../kernel/panic: 1}"),
        (
            true,
            "sysctls: {net.ipv4.conf.all.rp_filter: 1, net.ipv4.conf.default.rp_filter: 1, net.ipv4.conf.lo.rp_filter: 1}",
        ),
        (
            true,
            "sysctls: {net.ipv4.conf.x.rp_filter: 1, net.ipv4.conf.y/1.rp_filter: 1}",
        ),
        (false, "sysctls: {net.ipv4.conf.eth0.rp_filter: 1}"),
        (false, "sysctls: {net/ipv6/conf/eth0/accept_ra: 1}"),
        (false, "sysctls: {net.ipv4.conf.v.rp_filter: 1}"),
    ] {
        forwarding(text, expected, text);
    }
}

#[test]
fn names_and_annotations() {
    let base = written("a", "- {interface: x, peer: 'host:h'}", "-");
    for (expected, key, text) in [
        (true, "example.com/other", "x"),
        (true, "pinwire.dev/topology", "other"),
        (false, "pinwire.dev/topology", ""),
        (false, "pinwire.dev/topology", "t\n"),
        (false, "pinwire.dev/topology", " t"),
        (false, "pinwire.dev/topology", "My Topology"),
        (true, "pinwire.dev/node", "b"),
        (false, "pinwire.dev/node", ""),
        (false, "pinwire.dev/node", "host"),
        (false, "pinwire.dev/node", " host "),
        (false, "pinwire.dev/node", "B"),
        (false, "pinwire.dev/node", "b.c"),
        (false, "pinwire.dev/isolation", "cpus: '1'"),
        (false, "pinwire.dev/isolation", ""),
        (false, "pinwire.dev/linkz", ""),
    ] {
        let mut pod = base.clone();
        pod.annotations.insert(key.to_owned(), text.to_owned());
        check(&format!("{key}: {text:?}"), expected, &[pod]);
    }
    for (expected, name) in [(true, "a-1"), (false, "host"), (false, "a.b"), (false, "A")] {
        let pod = Written {
            name: name.to_owned(),
            ..base.clone()
        };
        check(name, expected, &[pod]);
    }
    let alone = BTreeMap::from([("pinwire.dev/isolation".to_owned(), "cpus: '1'".to_owned())]);
    let pod = Written {
        annotations: alone,
        ..base
    };
    assert!(called(&[pod]).is_err(), "without a topology as well");
    assert_eq!(pods("kind: Deployment"), Err("it is no pod"));
}
