//! Keys and values of a link by itself.

use super::link;

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
