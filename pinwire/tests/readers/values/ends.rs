//! What the ends of links say of each other.

use super::{check, pair, written};
use crate::both::{called, validated};

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
