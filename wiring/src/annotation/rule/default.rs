//! What holds of a link where its annotation says nothing, and within which bounds what it says is.

use std::ops::RangeInclusive;

use crate::annotation::{Attributes, Pool, Pools, VfOptions};
use crate::annotation::{Link, Plane};
use crate::identity;
use crate::name::{MacAddress, NodeName, TopologyName};

/// The MTU of a link that names none, bytes (Ethernet, RFC 894).
pub const MTU: u32 = 1500;
/// What IPv4 needs of a link (RFC 791), and the most that Ethernet devices take (`ETH_MAX_MTU`), bytes.
const MTU_RANGE: RangeInclusive<u32> = 68..=65_535;
/// The least MTU of a link that carries IPv6, bytes (RFC 8200, section 5).
pub const MTU_MIN_IPV6: u32 = 1280;

/// The MTU of a link, bytes.
pub fn mtu(link: &Link) -> u32 {
    link.mtu.unwrap_or(MTU)
}

/// Whether a link can have an MTU.
///
/// # Errors
/// That it cannot.
pub fn check_mtu(mtu: u32) -> Result<u32, String> {
    let (least, most) = (MTU_RANGE.start(), MTU_RANGE.end());
    if MTU_RANGE.contains(&mtu) {
        return Ok(mtu);
    }
    Err(format!("{mtu} is not between {least} and {most}"))
}

/// The MAC address of a link's end.
pub fn mac(topology: &TopologyName, node: &NodeName, link: &Link) -> MacAddress {
    let derived = || identity::mac(topology, (node.as_str(), &link.interface));
    link.mac.unwrap_or_else(derived)
}

/// What the virtual function of a link is told in a node with a plane, and the pool that it is from, whose name is among it.
///
/// # Errors
/// [`NoPool`].
pub fn function<'a>(
    link: &Link,
    plane: Plane,
    pools: &'a Pools,
) -> Result<(VfOptions, &'a Pool), NoPool> {
    let mut options = link.vf.clone().unwrap_or_default();
    let (name, pool) = pool(pools, options.pool.as_deref(), link.peer.is_some())?;
    options.pool = Some(name.to_owned());
    if link.has_interface() && matches!(plane, Plane::Mirror | Plane::Xdp) {
        // What is passed on at layer 2 is addressed to somebody else.
        options.promiscuous.get_or_insert(true);
    }
    Ok((options, pool))
}

/// What the end of a wire is told besides: the wire is nobody else's, and what its nodes forward comes from other addresses than
/// their own.
pub fn complete_wire(attributes: &mut Attributes) {
    attributes.spoof_check.get_or_insert(false);
    attributes.trust.get_or_insert(true);
}

/// Why a link is from no pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPool {
    /// There is no pool at all.
    #[error(
        "no pool of virtual functions is defined: `pools` of the network configuration has them, and for `pinwire` the file /etc/pinwire/pools.yaml or that of --pools"
    )]
    None,
    /// The pool that the link names is not there.
    #[error("there is no pool `{name}`; defined are {}", known.join(", "))]
    Unknown {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Several could be meant.
    #[error("several pools could be meant: name one of {} (`vf: {{pool: …}}`)", known.join(", "))]
    Ambiguous {
        /// Those that there are.
        known: Vec<String>,
    },
}

/// The pool of a name. Without a name a wire is from the only cable and any other link from the only pool that is none;
/// where there is one pool, everything is from that.
///
/// # Errors
/// [`NoPool`].
pub fn pool<'a>(
    pools: &'a Pools,
    name: Option<&str>,
    wire: bool,
) -> Result<(&'a str, &'a Pool), NoPool> {
    let known = || pools.keys().cloned().collect();
    let all: Vec<_> = pools
        .iter()
        .map(|(name, pool)| (name.as_str(), pool))
        .collect();
    let mut named = all.iter().filter(|(known, _)| Some(*known) == name);
    let fit: Vec<_> = all
        .iter()
        .filter(|(_, pool)| pool.is_cable() == wire)
        .collect();
    match (name, &all[..], &fit[..]) {
        (_, [], _) => Err(NoPool::None),
        (Some(name), ..) => named.next().copied().ok_or_else(|| NoPool::Unknown {
            name: name.to_owned(),
            known: known(),
        }),
        (None, _, [only]) => Ok(**only),
        (None, [only], _) => Ok(*only),
        (None, ..) => Err(NoPool::Ambiguous { known: known() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_a_pool_gets_the_one_that_fits() {
        let pools = |cables: &[&str], others: &[&str]| -> Pools {
            let cable = |name: &&str| (name.to_string(), r#"{"cable": ["a", "b"]}"#);
            let other = |name: &&str| (name.to_string(), r#"{"physicalFunctions": ["c"]}"#);
            let all = cables.iter().map(cable).chain(others.iter().map(other));
            all.map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
                .collect()
        };
        // name, cables, other pools, pool of a wire, pool of another link
        let cases = [
            (
                "one cable",
                &["cable"][..],
                &[][..],
                Some("cable"),
                Some("cable"),
            ),
            ("one pool", &[], &["lan"], Some("lan"), Some("lan")),
            (
                "one of each",
                &["cable"],
                &["lan"],
                Some("cable"),
                Some("lan"),
            ),
            ("two cables", &["one", "two"], &["lan"], None, Some("lan")),
            (
                "two pools",
                &["cable"],
                &["lan", "wan"],
                Some("cable"),
                None,
            ),
        ];
        for (name, cables, others, wire, single) in cases {
            let pools = pools(cables, others);
            let chosen = |wire| pool(&pools, None, wire).ok().map(|(name, _)| name);
            assert_eq!((chosen(true), chosen(false)), (wire, single), "{name}");
        }
        assert_eq!(pool(&Pools::new(), None, true), Err(NoPool::None));
        assert_eq!(pool(&Pools::new(), Some("x"), true), Err(NoPool::None));
        let error = pool(&pools(&[], &["lan"]), Some("x"), true).unwrap_err();
        assert_eq!(error.to_string(), "there is no pool `x`; defined are lan");
    }
}
