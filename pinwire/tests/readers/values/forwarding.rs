//! How nodes forward, and what their planes make of virtual functions.

use super::{forwarding, written};
use crate::both::verdict;
use crate::plan;

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
