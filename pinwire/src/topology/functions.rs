//! Links of virtual functions: what each end says of its own, both ends against each other, and every link made one kind.

use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::annotation::{UserDriver, VFIO, VfOptions};

use super::Topology;
use super::links::End;
use crate::manifest::report::Report;
use crate::manifest::source::Place;

/// Checks what one end says of virtual functions.
pub(super) fn check(end: End<'_>, report: &mut Report) {
    let End { link, tree, .. } = end;
    match (link.kind, &link.vf) {
        (LinkType::Veth, None) => {}
        (LinkType::Veth, Some(_)) => {
            let place = tree.entry("vf").map_or(tree.place, |entry| entry.key_place);
            report
                .error(
                    place,
                    format!(
                        "the link `{}` has `vf`, but is not of type `vf`",
                        end.title()
                    ),
                )
                .hint("write `type: vf`, or remove `vf`");
        }
        (LinkType::Vf, options) => check_function(end, options.as_ref(), report),
    }
}

fn check_function(end: End<'_>, options: Option<&VfOptions>, report: &mut Report) {
    let End { link, tree, .. } = end;
    if let Some(Peer::Host(_)) = link.peer {
        report
            .error(
                tree.place_of("peer"),
                format!(
                    "the link `{}` is a virtual function, which cannot end at an interface of this host",
                    end.title()
                ),
            )
            .hint("remove `peer`: a virtual function without one leads out of the card; or remove `type: vf`");
    }
    let Some(options) = options else { return };
    let key_place = |key: &str| {
        let options = tree.value("vf");
        options
            .entry(key)
            .map_or(options.place, |entry| entry.value.place)
    };
    check_driver(end, options, key_place("peerDriver"), report);
    if options.vlan == Some(0) && link.peer.is_some() {
        report
            .error(
                key_place("vlan"),
                format!("the wire `{}` cannot be without a VLAN", end.title()),
            )
            .hint("remove `vlan`: every wire gets one of its own");
    }
    let mut options = options.clone();
    // A wire gets a VLAN later.
    options.pool = link.peer.is_some().then(String::new);
    if let Err((key, reason)) = options.attributes() {
        report.error(key_place(key), format!("`{key}`: {reason}"));
    }
}

/// Checks what one end says of who drives it, and of who drives the other.
fn check_driver(end: End<'_>, options: &VfOptions, peer_driver: Place, report: &mut Report) {
    let End { link, tree, .. } = end;
    if let Some([above @ .., key]) = link.interface_key() {
        let parent = above.iter().fold(tree, |tree, key| tree.value(key));
        let place = parent
            .entry(key)
            .map_or(parent.place, |entry| entry.key_place);
        report
            .error(
                place,
                format!(
                    "`{key}` needs an interface, and `{}` has none: a process drives it (`driver: {VFIO}`)",
                    end.title()
                ),
            )
            .hint("remove it: whoever drives the virtual function has it do that");
    }
    if options.peer_driver.is_some() && !matches!(link.peer, Some(Peer::Node { .. })) {
        report
            .error(
                peer_driver,
                format!(
                    "`peerDriver` of `{}` needs a peer: a node that has the other end",
                    end.title()
                ),
            )
            .hint("who drives this end says `driver`");
    }
}

/// A key of one end and the other end's that must have the same value, with both values.
pub(super) struct Mismatch {
    pub(super) keys: [&'static str; 2],
    pub(super) values: [String; 2],
}

/// What the two ends of a wire contradict each other in.
pub(super) fn difference(one: &Link, other: &Link) -> Option<Mismatch> {
    let none = VfOptions::default();
    let one = one.vf.as_ref().unwrap_or(&none);
    let other = other.vf.as_ref().unwrap_or(&none);
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<u32>| text(value.map(|value| value.to_string()));
    let proto = |options: &VfOptions| {
        let proto = options.vlan_proto;
        text(proto.and_then(|proto| Some(serde_json::to_value(proto).ok()?.as_str()?.to_owned())))
    };
    let driver = |driver: Option<UserDriver>| text(driver.map(|one| one.as_str().to_owned()));
    let drivers = [
        (
            ["driver", "peerDriver"],
            [driver(one.driver), driver(other.peer_driver)],
        ),
        (
            ["peerDriver", "driver"],
            [driver(one.peer_driver), driver(other.driver)],
        ),
    ];
    let values = [
        ("pool", text(one.pool.clone()), text(other.pool.clone())),
        ("index", number(one.index), number(other.index)),
        (
            "vlan",
            number(one.vlan.map(u32::from)),
            number(other.vlan.map(u32::from)),
        ),
        (
            "vlanQoS",
            number(one.vlan_qos.map(u32::from)),
            number(other.vlan_qos.map(u32::from)),
        ),
        ("vlanProto", proto(one), proto(other)),
    ];
    let same = values.map(|(key, one, other)| ([key; 2], [one, other]));
    let mut all = same.into_iter().chain(drivers);
    let (keys, values) = all.find(|(_, [one, other])| one != other)?;
    Some(Mismatch { keys, values })
}

/// A link that cannot be of a kind.
#[derive(Debug, thiserror::Error)]
#[error(
    "the link `{node}:{interface}` leads out of this host: it has no other end that a veth pair could have"
)]
pub struct KindError {
    /// Its node.
    pub node: String,
    /// Its interface.
    pub interface: String,
}

impl Topology {
    /// The same topology with all links of one kind. Of virtual functions, those that ended at interfaces of this host
    /// lead out of it instead; of tuning, a veth pair keeps what it has.
    ///
    /// # Errors
    /// [`KindError`], where a link has no other end, and should be a veth pair.
    pub fn with_links(mut self, kind: LinkType) -> Result<Self, KindError> {
        for node in &mut self.nodes {
            for link in &mut node.links {
                match kind {
                    LinkType::Vf => into_function(link),
                    LinkType::Veth if link.peer.is_none() => {
                        return Err(KindError {
                            node: node.name.to_string(),
                            interface: link.interface.to_string(),
                        });
                    }
                    LinkType::Veth => {
                        link.kind = LinkType::Veth;
                        link.vf = None;
                        link.tuning = link.tuning.take().and_then(Tuning::of_veth);
                    }
                }
            }
        }
        Ok(self)
    }

    /// Whether any link is of virtual functions.
    pub fn has_functions(&self) -> bool {
        let mut links = self.nodes.iter().flat_map(|node| &node.links);
        links.any(|link| link.kind == LinkType::Vf)
    }
}

fn into_function(link: &mut Link) {
    link.kind = LinkType::Vf;
    if let Some(Peer::Host(_)) = link.peer {
        link.peer = None;
        link.host_addresses.clear();
    }
}
