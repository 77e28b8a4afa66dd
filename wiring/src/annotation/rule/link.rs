//! What is wrong with one end of a link by itself.

use super::finding::Findings;
use super::{End, address, default};
use crate::annotation::{LinkType, Peer};
use crate::annotation::{VFIO, VfOptions};

pub(super) fn check(end: End<'_>, findings: &mut Findings) {
    check_kind(end, findings);
    check_peer(end, findings);
    check_mtu(end, findings);
    check_tuning(end, findings);
    address::check(end, findings);
}

fn check_kind(end: End<'_>, findings: &mut Findings) {
    match (end.link.kind, &end.link.vf) {
        (LinkType::Veth, None) => {}
        (LinkType::Veth, Some(_)) => {
            findings
                .error(
                    end.place().itself("vf"),
                    format!(
                        "the link `{}` has `vf`, but is not of type `vf`",
                        end.title()
                    ),
                )
                .hint("write `type: vf`, or remove `vf`");
        }
        (LinkType::Vf, options) => {
            if let Some(Peer::Host(_)) = end.link.peer {
                findings
                    .error(
                        end.place().key("peer"),
                        format!("the link `{}` is a virtual function, which cannot end at an interface of this host", end.title()),
                    )
                    .hint("remove `peer`: a virtual function without one leads out of the card; or remove `type: vf`");
            }
            if let Some(options) = options {
                check_driver(end, options, findings);
                check_attributes(end, options, findings);
            }
        }
    }
}

/// Checks what one end says of who drives it, and of who drives the other.
fn check_driver(end: End<'_>, options: &VfOptions, findings: &mut Findings) {
    let title = end.title();
    let needs_interface = [
        ("addresses", !end.link.addresses.is_empty()),
        ("mtu", end.link.mtu.is_some()),
        ("allmulticast", options.allmulticast.is_some()),
        ("promiscuous", options.promiscuous.is_some()),
    ];
    let given = needs_interface.into_iter().filter(|(_, given)| *given);
    for (key, _) in given.filter(|_| !end.link.has_interface()) {
        let above = match key {
            "addresses" | "mtu" => end.place(),
            _ => end.place().key("vf"),
        };
        findings
            .error(
                above.itself(key),
                format!("`{key}` needs an interface, and `{title}` has none: a process drives it (`driver: {VFIO}`)"),
            )
            .hint("remove it: whoever drives the virtual function has it do that");
    }
    if options.peer_driver.is_some() && !matches!(end.link.peer, Some(Peer::Node { .. })) {
        findings
            .error(
                end.place().keys("vf.peerDriver"),
                format!("`peerDriver` of `{title}` needs a peer: a node that has the other end"),
            )
            .hint("who drives this end says `driver`");
    }
}

fn check_attributes(end: End<'_>, options: &VfOptions, findings: &mut Findings) {
    let (place, title, wire) = (end.place().key("vf"), end.title(), end.link.peer.is_some());
    if options.vlan == Some(0) && wire {
        findings
            .error(
                place.clone().key("vlan"),
                format!("the wire `{title}` cannot be without a VLAN"),
            )
            .hint("remove `vlan`: every wire gets one of its own");
    }
    if let Err((key, reason)) = options.attributes(wire) {
        findings.error(
            place.key(key),
            format!("the link `{title}` cannot have this `vf.{key}`: {reason}"),
        );
    }
}

fn check_peer(end: End<'_>, findings: &mut Findings) {
    let (place, title) = (end.place(), end.title());
    match &end.link.peer {
        None if end.link.kind == LinkType::Veth => {
            findings
                .error(place, format!("the link `{title}` has no `peer`"))
                .hint("name the other end: `peer: NODE:INTERFACE`, or `peer: host:NAME` for one in this host's namespace");
        }
        Some(Peer::Node { node, .. }) if node == end.node.name => {
            findings
                .error(
                    place.key("peer"),
                    format!("the link `{title}` ends at its own node"),
                )
                .hint("a link joins two nodes, or a node and the host");
        }
        _ => {}
    }
    if !end.link.host_addresses.is_empty() && !matches!(end.link.peer, Some(Peer::Host(_))) {
        findings
            .error(
                end.place().key("hostAddresses"),
                format!(
                    "the link `{}` has `hostAddresses`, which need a peer `host:NAME`",
                    end.title()
                ),
            )
            .hint("`hostAddresses` are those of the host's end: list this end's under `addresses`");
    }
}

fn check_mtu(end: End<'_>, findings: &mut Findings) {
    let Some(mtu) = end.link.mtu else { return };
    let place = end.place().key("mtu");
    let mut addresses = end.link.addresses.iter().chain(&end.link.host_addresses);
    let least = default::MTU_MIN_IPV6;
    if let Err(reason) = default::check_mtu(mtu) {
        let message = format!(
            "the link `{}` cannot have this `mtu`: {reason}",
            end.title()
        );
        findings.error(place, message);
    } else if mtu < least && addresses.any(|address| address.addr().is_ipv6()) {
        let message = format!(
            "an MTU of {mtu} bytes carries no IPv6, and the link `{}` has IPv6 addresses",
            end.title()
        );
        findings
            .error(place, message)
            .hint(format!("IPv6 needs {least} bytes at least (RFC 8200)"));
    }
}

fn check_tuning(end: End<'_>, findings: &mut Findings) {
    let Some(tuning) = &end.link.tuning else {
        return;
    };
    if let Err((key, reason)) = tuning.check(end.link.kind) {
        findings.error(
            end.place().key("tuning").keys(&key),
            format!(
                "the link `{}` cannot have this `tuning.{key}`: {reason}",
                end.title()
            ),
        );
    }
}
