//! Offloads of an interface, which the kernel calls features: `ETHTOOL_MSG_FEATURES_GET` and `_SET`.

use std::collections::BTreeMap;

use netlink_packet_core::{DecodeError, DefaultNla, Nla};

use super::{Ethtool, attributes, nest, value};
use crate::kernel::netlink::NetlinkError;

/// `linux/ethtool_netlink.h`.
const GET: u8 = 11;
const SET: u8 = 12;
/// `ETHTOOL_A_FEATURES_HW`: all that the kernel knows, with a value where it can be changed.
const HARDWARE: u16 = 2;
const WANTED: u16 = 3;
const ACTIVE: u16 = 4;
/// `ETHTOOL_A_BITSET_BITS`, one of these, its name, and the flag that it is set.
const BITS: u16 = 3;
const BIT: u16 = 1;
const NAME: u16 = 2;
const VALUE: u16 = 3;

/// What there is of one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feature {
    /// Whether it can be changed.
    pub(crate) changeable: bool,
    /// Whether it was asked for.
    pub(crate) wanted: bool,
    /// Whether it is on: others that it depends on may be off.
    pub(crate) active: bool,
}

/// All features that the kernel knows, by name.
pub(crate) type Features = BTreeMap<String, Feature>;

impl Ethtool {
    /// The features of an interface.
    pub(crate) fn features(&mut self, index: u32) -> Result<Features, NetlinkError> {
        let answer = self.get(GET, index)?;
        read(&answer).map_err(NetlinkError::Decode)
    }

    /// Turns features of an interface on or off. One that cannot be changed stays as it is.
    pub(crate) fn set_features<'a>(
        &mut self,
        index: u32,
        features: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Result<(), NetlinkError> {
        let bit = |(name, on): (&str, bool)| {
            let mut name = name.as_bytes().to_vec();
            name.push(0);
            let mut bit = vec![DefaultNla::new(NAME, name)];
            if on {
                bit.push(DefaultNla::new(VALUE, Vec::new()));
            }
            nest(BIT, &bit)
        };
        let bits: Vec<DefaultNla> = features.into_iter().map(bit).collect();
        self.set(SET, index, vec![nest(WANTED, &[nest(BITS, &bits)])])
    }
}

fn read(answer: &[DefaultNla]) -> Result<Features, DecodeError> {
    let mut features = Features::new();
    for set in answer {
        let note: fn(&mut Feature, bool) = match set.kind() {
            HARDWARE => |feature, on| feature.changeable = on,
            WANTED => |feature, on| feature.wanted = on,
            ACTIVE => |feature, on| feature.active = on,
            _ => continue,
        };
        let set = attributes(&value(set))?;
        // Of a set without a mask only those are listed that are on, without a value.
        let masked = set.iter().all(|one| one.kind() != NO_MASK);
        for bits in set.iter().filter(|one| one.kind() == BITS) {
            for bit in attributes(&value(bits))? {
                let bit = attributes(&value(&bit))?;
                let on = !masked || bit.iter().any(|one| one.kind() == VALUE);
                if let Some(name) = bit.iter().find(|one| one.kind() == NAME) {
                    let name = String::from_utf8_lossy(&value(name)).into_owned();
                    let name = name.trim_end_matches('\0').to_owned();
                    note(features.entry(name).or_default(), on);
                }
            }
        }
    }
    Ok(features)
}

/// `ETHTOOL_A_BITSET_NOMASK`.
const NO_MASK: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_some_and_not_all() {
        let index = nix::net::if_::if_nametoindex("lo").unwrap();
        let features = Ethtool::here().unwrap().features(index).unwrap();
        // loopback_setup, drivers/net/loopback.c
        let of = |name: &str| features[name];
        let loopback = of("loopback");
        assert!(loopback.active && !loopback.changeable, "{loopback:?}");
        assert_eq!(of("rx-vlan-filter"), Feature::default());
        let receive = of("rx-gro");
        assert!(receive.changeable && receive.wanted, "{receive:?}");
    }
}
