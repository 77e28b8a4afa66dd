//! Ends of links: each by itself, and the two ends of a link against each other. Addresses are in [`super::addresses`].

use std::collections::HashMap;

use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::annotation::{Link, LinkType, Peer, Plane};

use super::functions;
use super::node::Draft;
use crate::manifest::report::Report;
use crate::manifest::source::Place;
use crate::manifest::suggest;
use crate::manifest::tree::Tree;

/// What the kernel takes for IPv4 (RFC 791) and for any Ethernet device (`ETH_MAX_MTU`).
const MTU_MIN: u32 = 68;
const MTU_MAX: u32 = 65_535;
/// The least MTU of a link that carries IPv6 (RFC 8200, section 5).
const MTU_MIN_IPV6: u32 = 1280;
/// What an Ethernet device has unless told otherwise.
pub(super) const MTU_DEFAULT: u32 = 1500;

/// One end of a link with everything that messages about it need.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) draft: &'a Draft,
    pub(super) link: &'a Link,
    pub(super) tree: &'a Tree,
}

impl<'a> End<'a> {
    /// All ends of a node.
    pub(super) fn of(draft: &'a Draft) -> impl Iterator<Item = Self> {
        let trees = draft.links.items();
        draft
            .node
            .links
            .iter()
            .zip(trees)
            .map(move |(link, tree)| Self { draft, link, tree })
    }

    fn mtu(self) -> u32 {
        self.link.mtu.unwrap_or(MTU_DEFAULT)
    }

    fn peer_place(self) -> Place {
        self.tree.place_of("peer")
    }

    /// `node:interface`, for messages.
    pub(super) fn title(self) -> String {
        format!("{}:{}", self.draft.name(), self.link.interface)
    }
}

/// Checks all links; those between nodes only if all nodes are there.
pub(super) fn check(drafts: &[Draft], complete: bool, report: &mut Report) {
    let mut host_names = HashMap::new();
    for draft in drafts {
        check_names(draft, report);
        for end in End::of(draft) {
            check_end(end, &mut host_names, report);
        }
    }
    if !complete {
        return;
    }
    let nodes: HashMap<&str, &Draft> = drafts.iter().map(|draft| (draft.name(), draft)).collect();
    for end in drafts.iter().flat_map(End::of) {
        if let Some(Peer::Node { node, interface }) = &end.link.peer
            && node != &end.draft.node.name
            && let Some(other) = find_peer(end, node.as_str(), interface.as_str(), &nodes, report)
        {
            check_pair(end, other, &nodes, report);
        }
    }
}

/// The other end of a link, if the two agree that they are one.
pub(super) fn peer<'a>(end: End<'a>, nodes: &HashMap<&str, &'a Draft>) -> Option<End<'a>> {
    let Some(Peer::Node { node, interface }) = &end.link.peer else {
        return None;
    };
    let other = nodes.get(node.as_str())?;
    let other = End::of(other).find(|other| other.link.interface == *interface)?;
    names(other, end).then_some(other)
}

/// Whether the one end names the other as its peer.
fn names(one: End<'_>, other: End<'_>) -> bool {
    match &one.link.peer {
        Some(Peer::Node { node, interface }) => {
            *node == other.draft.node.name && *interface == other.link.interface
        }
        _ => false,
    }
}

/// Whether the peer that an end names is there at all.
fn exists(end: &End<'_>, nodes: &HashMap<&str, &Draft>) -> bool {
    match &end.link.peer {
        Some(Peer::Node { node, interface }) => nodes
            .get(node.as_str())
            .is_some_and(|draft| draft.interfaces().any(|known| known == interface.as_str())),
        Some(Peer::Host(_)) => true,
        None => false,
    }
}

fn check_names(draft: &Draft, report: &mut Report) {
    let mut interfaces = HashMap::new();
    for end in End::of(draft) {
        let place = end.tree.place_of("interface");
        if let Some(first) = interfaces.insert(&end.link.interface, place) {
            report
                .error(
                    place,
                    format!(
                        "the node `{}` has two interfaces `{}`",
                        draft.name(),
                        end.link.interface
                    ),
                )
                .related(first, "the first one")
                .hint("rename one of them, and the peer that names it");
        }
    }
}

fn check_end<'a>(end: End<'a>, host_names: &mut HashMap<&'a str, Place>, report: &mut Report) {
    let End { link, tree, .. } = end;
    functions::check(end, report);
    match &link.peer {
        None if link.kind == LinkType::Veth => {
            report
                .error(tree.place, format!("the link `{}` has no `peer`", end.title()))
                .hint("name the other end: `peer: NODE:INTERFACE`, or `peer: host:NAME` for one in this host's namespace");
        }
        None => {}
        Some(Peer::Node { node, .. }) if *node == end.draft.node.name => {
            report
                .error(
                    end.peer_place(),
                    format!("the link `{}` ends at its own node", end.title()),
                )
                .hint("a link joins two nodes, or a node and the host");
        }
        Some(Peer::Node { .. }) => {}
        Some(Peer::Host(name)) => {
            if let Some(first) = host_names.insert(name.as_str(), end.peer_place()) {
                report
                    .error(
                        end.peer_place(),
                        format!("two links end at the host's interface `{name}`"),
                    )
                    .related(first, "the first one")
                    .hint("choose another name: it is an interface of this host");
            }
        }
    }
    if !link.host_addresses.is_empty() && !matches!(link.peer, Some(Peer::Host(_))) {
        let hint = "`hostAddresses` are those of the host's end: list this end's under `addresses`";
        report
            .error(
                tree.place_of("hostAddresses"),
                "`hostAddresses` needs a peer `host:NAME`",
            )
            .hint(hint);
    }
    check_mtu(end, report);
    check_tuning(end, report);
}

fn check_mtu(end: End<'_>, report: &mut Report) {
    let Some(mtu) = end.link.mtu else { return };
    let place = end.tree.place_of("mtu");
    let addresses = end.link.addresses.iter().chain(&end.link.host_addresses);
    let ipv6 = addresses
        .into_iter()
        .any(|address| address.addr().is_ipv6());
    if !(MTU_MIN..=MTU_MAX).contains(&mtu) {
        report.error(
            place,
            format!("an MTU of {mtu} bytes is not possible: {MTU_MIN} to {MTU_MAX} are"),
        );
    } else if ipv6 && mtu < MTU_MIN_IPV6 {
        report
            .error(
                place,
                format!("an MTU of {mtu} bytes carries no IPv6, and the link has IPv6 addresses"),
            )
            .hint(format!(
                "IPv6 needs {MTU_MIN_IPV6} bytes at least (RFC 8200)"
            ));
    }
}

fn check_tuning(end: End<'_>, report: &mut Report) {
    let End { link, tree, .. } = end;
    let Some(Err((key, reason))) = link.tuning.as_ref().map(|tuning| tuning.check(link.kind))
    else {
        return;
    };
    let mut place = tree.value("tuning");
    for name in key.split('.') {
        place = place.value(name);
    }
    report.error(
        place.place,
        format!(
            "the link `{}` cannot have this `tuning.{key}`: {reason}",
            end.title()
        ),
    );
}

/// Checks that an end is not tuned against the plane of the node at the other end.
fn check_plane(end: End<'_>, other: End<'_>, report: &mut Report) {
    let tuning = end.link.tuning.as_ref();
    let tuning = tuning.filter(|_| {
        end.link.kind == LinkType::Veth && other.draft.node.forwarding.plane == Plane::Xdp
    });
    let Some(offload) = tuning.and_then(Tuning::against_xdp) else {
        return;
    };
    let offloads = end.tree.value("tuning").value("offloads");
    let (title, node) = (end.title(), other.draft.name());
    report
        .error(
            offloads.place_of(&offload.to_string()),
            format!("the link `{title}` cannot have this `tuning.offloads.{offload}`: its other end is at `{node}`, which has the plane `xdp`"),
        )
        .hint("`xdp` has its neighbours receive by `gro`, and send without `txChecksum` and `tso`: remove it");
}

fn find_peer<'a>(
    end: End<'a>,
    node: &str,
    interface: &str,
    nodes: &HashMap<&str, &'a Draft>,
    report: &mut Report,
) -> Option<End<'a>> {
    let Some(draft) = nodes.get(node) else {
        let hint = suggest::hint(node, nodes.keys().copied());
        let hint =
            hint.unwrap_or_else(|| "its pod must be in one of the files that are given".to_owned());
        report
            .error(
                end.peer_place(),
                format!("there is no node `{node}` in this topology"),
            )
            .hint(hint);
        return None;
    };
    let Some(other) = End::of(draft).find(|other| other.link.interface.as_str() == interface)
    else {
        let hint = suggest::hint(interface, draft.interfaces()).unwrap_or_else(|| {
            format!(
                "add it to the links of `{node}`: {{interface: {interface}, peer: {}}}",
                end.title()
            )
        });
        report
            .error(
                end.peer_place(),
                format!("the node `{node}` has no interface `{interface}`"),
            )
            .related(draft.name_place, "this node")
            .hint(hint);
        return None;
    };
    Some(other)
}

fn check_pair(end: End<'_>, other: End<'_>, nodes: &HashMap<&str, &Draft>, report: &mut Report) {
    if !names(other, end) {
        if !exists(&other, nodes) {
            // That end's own error says what to change.
            return;
        }
        let (title, other_title) = (end.title(), other.title());
        let says = other
            .link
            .peer
            .as_ref()
            .map_or_else(|| "no peer".to_owned(), |peer| format!("`{peer}`"));
        report
            .error(
                end.peer_place(),
                format!("`{title}` names `{other_title}` as its peer, which names {says}"),
            )
            .related(
                other.peer_place(),
                format!("should be `{title}`, or the other one be changed"),
            );
        return;
    }
    // Both ends see the same disagreement: the later one tells of it.
    if end.tree.place < other.tree.place {
        return;
    }
    let titles = format!("`{}` and `{}`", other.title(), end.title());
    if end.link.kind != other.link.kind {
        report
            .error(
                end.tree.place_of("type"),
                format!("the two ends of the link {titles} are of different types"),
            )
            .related(other.tree.place_of("type"), "the other end");
    }
    if end.link.kind == LinkType::Vf
        && let Some(mismatch) = functions::difference(other.link, end.link)
    {
        let ([first_key, key], [first, second]) = (mismatch.keys, mismatch.values);
        let what = if first_key == key {
            format!("`vf.{key}`")
        } else {
            format!("`vf.{first_key}` and `vf.{key}`")
        };
        let place = |end: End<'_>, key| end.tree.value("vf").place_of(key);
        report
            .error(
                place(end, key),
                format!(
                    "the two ends of the link {titles} have different {what}, {first} and {second}"
                ),
            )
            .related(place(other, first_key), "the other end")
            .hint("write the same at both ends: whichever is attached first chooses for both");
    }
    for (near, far) in [(end, other), (other, end)] {
        check_plane(near, far, report);
    }
    let both = end.link.has_interface() && other.link.has_interface();
    if both && end.mtu() != other.mtu() {
        let message = format!(
            "the two ends of the link {titles} have different MTUs, {} and {} bytes",
            other.mtu(),
            end.mtu()
        );
        report
            .error(end.tree.place_of("mtu"), message)
            .related(other.tree.place_of("mtu"), "the other end")
            .hint(format!(
                "write the same `mtu` at both ends; without one it is {MTU_DEFAULT}"
            ));
    }
}
