//! What is wrong between two nodes: whether the ends of each link between them are there, name each other, and go together.

use super::finding::Findings;
use super::{End, Node, address, default, suggest};
use crate::annotation::{LinkType, Peer, Plane};
use crate::annotation::{UserDriver, VfOptions, VlanProtocol};

/// Checks all links between two nodes. Whose peer does not exist has an error of its own.
pub(super) fn check(
    one: Node<'_>,
    other: Node<'_>,
    exists: &dyn Fn(&Peer) -> bool,
    findings: &mut Findings,
) {
    for (near, far) in [(one, other), (other, one)] {
        for end in near.ends().filter(|end| end.peer_node() == Some(far.name)) {
            let back = far.ends().find(|back| end.names(*back));
            match back {
                None => check_missing(end, far, findings),
                Some(back) if back.names(end) => {
                    // Both ends see the same disagreement: the later one tells of it.
                    if near.index >= far.index {
                        check_ends(back, end, findings);
                    }
                }
                Some(back) => match &back.link.peer {
                    None if back.link.kind == LinkType::Veth => {}
                    Some(peer) if !exists(peer) => {}
                    _ => check_names(end, back, findings),
                },
            }
        }
    }
}

fn check_missing(end: End<'_>, far: Node<'_>, findings: &mut Findings) {
    let Some(Peer::Node { interface, .. }) = &end.link.peer else {
        return;
    };
    let (node, title) = (far.name, end.title());
    let hint = suggest::hint(interface.as_str(), far.interfaces()).unwrap_or_else(|| {
        format!("add it to the links of `{node}`: {{interface: {interface}, peer: {title}}}")
    });
    findings
        .error(
            end.place().key("peer"),
            format!(
                "`{title}` names `{node}:{interface}` as its peer, but the node `{node}` has no interface `{interface}`"
            ),
        )
        .related(
            super::Place {
                node: far.index,
                path: Vec::new(),
            },
            "this node",
        )
        .hint(hint);
}

fn check_names(end: End<'_>, back: End<'_>, findings: &mut Findings) {
    let (title, other) = (end.title(), back.title());
    let peer = back.link.peer.as_ref();
    let says = peer.map_or_else(|| "no peer".to_owned(), |peer| format!("`{peer}`"));
    findings
        .error(
            end.place().key("peer"),
            format!("`{title}` names `{other}` as its peer, which names {says}"),
        )
        .related(
            back.place().key("peer"),
            format!("should be `{title}`, or the other one be changed"),
        );
}

/// Checks the two ends of a link against each other.
fn check_ends(one: End<'_>, other: End<'_>, findings: &mut Findings) {
    check_kinds(one, other, findings);
    check_plane(one, other, findings);
    check_plane(other, one, findings);
    check_mtus(one, other, findings);
    address::check_ends(one, other, findings);
}

/// That two ends differ, with both values.
fn differ(one: End<'_>, other: End<'_>, what: &str, [first, second]: &[String; 2]) -> String {
    format!(
        "the two ends of the link `{}` and `{}` have different {what}, {first} and {second}",
        one.title(),
        other.title()
    )
}

fn check_kinds(one: End<'_>, other: End<'_>, findings: &mut Findings) {
    if one.link.kind != other.link.kind {
        let kinds = [one, other].map(|end| format!("{:?}", end.link.kind).to_lowercase());
        findings
            .error(
                other.place().key("type"),
                differ(one, other, "types", &kinds),
            )
            .related(one.place().key("type"), "the other end");
    } else if other.link.kind == LinkType::Vf
        && let Some(([first, second], values)) = function_difference(one, other)
    {
        let what = match first == second {
            true => format!("`vf.{first}`"),
            false => format!("`vf.{first}` and `vf.{second}`"),
        };
        findings
            .error(
                other.place().key("vf").key(second),
                differ(one, other, &what, &values),
            )
            .related(one.place().key("vf").key(first), "the other end")
            .hint("write the same at both ends: whichever is attached first chooses for both");
    }
}

fn check_mtus(one: End<'_>, other: End<'_>, findings: &mut Findings) {
    let both = one.link.has_interface() && other.link.has_interface();
    let [first, second] = [one, other].map(|end| default::mtu(end.link));
    if both && first != second {
        let values = [first.to_string(), format!("{second} bytes")];
        findings
            .error(
                other.place().key("mtu"),
                differ(one, other, "MTUs", &values),
            )
            .related(one.place().key("mtu"), "the other end")
            .hint(format!(
                "write the same `mtu` at both ends; without one it is {}",
                default::MTU
            ));
    }
}

/// Checks that an end is not tuned against the plane of the node at the other end.
fn check_plane(end: End<'_>, other: End<'_>, findings: &mut Findings) {
    let tuning =
        end.link.tuning.as_ref().filter(|_| {
            end.link.kind == LinkType::Veth && other.node.forwarding.plane == Plane::Xdp
        });
    let Some(offload) = tuning.and_then(|tuning| tuning.against_xdp()) else {
        return;
    };
    let (title, node) = (end.title(), other.node.name);
    findings
        .error(
            end.place().keys("tuning.offloads").key(offload.to_string()),
            format!("the link `{title}` cannot have this `tuning.offloads.{offload}`: its other end is at `{node}`, which has the plane `xdp`"),
        )
        .hint("`xdp` has its neighbours receive by `gro`, and send without `txChecksum` and `tso`: remove it");
}

/// The keys of what the two ends of a wire of virtual functions contradict each other in, and both values: where the functions are
/// from, what tells the wire from others, and who drives them. What is absent and what it stands for are the same.
fn function_difference(one: End<'_>, other: End<'_>) -> Option<([&'static str; 2], [String; 2])> {
    let none = VfOptions::default();
    let [one, other] = [one, other].map(|end| end.link.vf.as_ref().unwrap_or(&none));
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<u32>| text(value.map(|value| value.to_string()));
    let driver = |driver: Option<UserDriver>| text(driver.map(|one| one.as_str().to_owned()));
    let tag = |protocol| match protocol {
        VlanProtocol::Customer => "802.1q",
        VlanProtocol::Service => "802.1ad",
    };
    let values = |options: &VfOptions| {
        let (qos, protocol) = (options.vlan_qos, options.vlan_proto);
        [
            ("pool", text(options.pool.clone())),
            ("index", number(options.index)),
            ("vlan", number(options.vlan.map(u32::from))),
            ("vlanQoS", qos.unwrap_or_default().to_string()),
            ("vlanProto", tag(protocol.unwrap_or_default()).to_owned()),
            ("driver", driver(options.driver)),
            ("peerDriver", driver(options.peer_driver)),
        ]
    };
    let mut far = values(other);
    let [.., (_, driver), (_, peer_driver)] = &mut far;
    std::mem::swap(driver, peer_driver);
    let swapped = |key| match key {
        "driver" => "peerDriver",
        "peerDriver" => "driver",
        same => same,
    };
    let mut both = values(one).into_iter().zip(far);
    both.find(|((_, one), (_, other))| one != other)
        .map(|((key, one), (_, other))| ([key, swapped(key)], [one, other]))
}
