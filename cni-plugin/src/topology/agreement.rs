//! Whether two pods agree on the link between them. Pure: both pods' records are given.

use super::pod::{Pod, mtu};
use pinwire_wiring::annotation::{Attribute, UserDriver, VfOptions};
use pinwire_wiring::annotation::{Link, Peer, Plane};
use pinwire_wiring::name::InterfaceName;

/// Two pods that disagree, or want the same thing.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// The far end of a link does not exist.
    #[error(
        "{one} has the link `{interface}` to `{peer}`, but {other} has no interface `{missing}`"
    )]
    NoInterface {
        /// The pod with the link.
        one: Pod,
        /// Its interface.
        interface: InterfaceName,
        /// Its peer.
        peer: Peer,
        /// The other pod.
        other: Pod,
        /// The interface that it lacks.
        missing: InterfaceName,
    },
    /// The far end of a link names another peer.
    #[error(
        "{one} has the link `{interface}` to `{peer}`, but {other} has its end linked to `{found}`"
    )]
    OtherPeer {
        /// The pod with the link.
        one: Pod,
        /// Its interface.
        interface: InterfaceName,
        /// Its peer.
        peer: Peer,
        /// The other pod.
        other: Pod,
        /// The peer that the other one names.
        found: Peer,
    },
    /// The ends differ in something that both must have the same.
    #[error("the link `{interface}` of {one} and the link `{far}` of {other} differ: {what}")]
    Differs {
        /// One pod.
        one: Pod,
        /// Its interface.
        interface: InterfaceName,
        /// The other pod.
        other: Pod,
        /// Its interface.
        far: InterfaceName,
        /// In what, with both values.
        what: String,
    },
    /// Two pods name the same interface as their peer.
    #[error("{one} and {other} both have a link to `{peer}`")]
    Contested {
        /// One pod.
        one: Pod,
        /// The other pod.
        other: Pod,
        /// The interface that both name.
        peer: Peer,
    },
}

/// Whether a link of `one` and the other pod, which its peer names, agree.
pub(crate) fn agree(
    one: &Pod,
    link: &Link,
    peer: &Peer,
    other: &Pod,
) -> Result<(), Box<Disagreement>> {
    let Peer::Node { interface: far, .. } = peer else {
        return Ok(());
    };
    let Some(other_link) = other.link(far) else {
        return Err(Box::new(Disagreement::NoInterface {
            one: one.clone(),
            interface: link.interface.clone(),
            peer: peer.clone(),
            other: other.clone(),
            missing: far.clone(),
        }));
    };
    match &other_link.peer {
        Some(found) if !names(found, one, link) => {
            return Err(Box::new(Disagreement::OtherPeer {
                one: one.clone(),
                interface: link.interface.clone(),
                peer: peer.clone(),
                other: other.clone(),
                found: found.clone(),
            }));
        }
        _ => {}
    }
    match difference(one, link, other, other_link) {
        None => Ok(()),
        Some(what) => Err(Box::new(Disagreement::Differs {
            one: one.clone(),
            interface: link.interface.clone(),
            other: other.clone(),
            far: far.clone(),
            what,
        })),
    }
}

/// Whether a peer is the end of a pod's link.
pub(crate) fn names(peer: &Peer, pod: &Pod, link: &Link) -> bool {
    matches!(peer, Peer::Node { node, interface } if *node == pod.node && *interface == link.interface)
}

/// What both ends of a wire of virtual functions must say the same: where it is from, and what tells it from others.
fn function_difference(link: &Link, other: &Link) -> Option<String> {
    let (one, other) = (link.vf.as_ref()?, other.vf.as_ref()?);
    let show = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<u32>| show(value.map(|value| value.to_string()));
    let tag = |vf: &VfOptions| show(vf.vlan.map(|id| Attribute::Vlan(vf.tag(id)).to_string()));
    let driver = |driver: Option<UserDriver>| show(driver.map(|driver| driver.as_str().to_owned()));
    let values = [
        ("pool", show(one.pool.clone()), show(other.pool.clone())),
        ("vf.index", number(one.index), number(other.index)),
        ("vf.vlan", tag(one), tag(other)),
        (
            "vf.driver and vf.peerDriver",
            driver(one.driver),
            driver(other.peer_driver),
        ),
        (
            "vf.peerDriver and vf.driver",
            driver(one.peer_driver),
            driver(other.driver),
        ),
    ];
    let mut values = values.into_iter();
    let (what, one, other) = values.find(|(_, one, other)| one != other)?;
    Some(format!("{what} {one} and {other}"))
}

/// What the two ends of a link must have the same, or must not.
fn difference(one: &Pod, link: &Link, other: &Pod, other_link: &Link) -> Option<String> {
    if link.kind != other_link.kind {
        return Some(format!("type {:?} and {:?}", link.kind, other_link.kind).to_lowercase());
    }
    if let Some(what) = function_difference(link, other_link) {
        return Some(what);
    }
    let against = |link: &Link, other: &Pod| {
        let tuning = link
            .tuning
            .as_ref()
            .filter(|_| other.forwarding.plane == Plane::Xdp)?;
        tuning.against_xdp().cloned()
    };
    if let Some(offload) = against(link, other).or_else(|| against(other_link, one)) {
        return Some(format!(
            "the plane xdp at one end does not go with this `tuning.offloads.{offload}` at the other"
        ));
    }
    let both = link.has_interface() && other_link.has_interface();
    if both && mtu(link) != mtu(other_link) {
        return Some(format!("MTU {} and {}", mtu(link), mtu(other_link)));
    }
    // Those that follow from the names differ.
    let chosen = link.mac.is_some() || other_link.mac.is_some();
    if chosen && one.mac(link) == other.mac(other_link) {
        return Some(format!("both have the MAC address {}", one.mac(link)));
    }
    let same = |address: &&ipnet::IpNet| {
        let mut others = other_link.addresses.iter();
        others.any(|other| other.addr() == address.addr())
    };
    let same = link.addresses.iter().find(same)?;
    Some(format!("both have the address {}", same.addr()))
}
