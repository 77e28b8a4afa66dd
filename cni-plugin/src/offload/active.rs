//! Which offloads of an interface are on: `ETHTOOL_MSG_FEATURES_GET` and its answer. Changes nothing.

use netlink_packet_core::{DecodeError, DefaultNla, Emitable, NlasIterator, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};

use super::{family, nest};
use crate::netlink::{Netlink, NetlinkError};

/// `ETHTOOL_MSG_FEATURES_GET` and `ETHTOOL_A_FEATURES_ACTIVE` (`linux/ethtool_netlink.h`).
const GET: u8 = 11;
const ACTIVE: u16 = 4;
/// `ETHTOOL_A_BITSET_BITS`, and the name of one of these.
const BITS: u16 = 3;
const NAME: u16 = 2;
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// The names of the offloads that are on, of an interface of the calling thread's namespace.
pub(crate) fn active(index: u32) -> Result<Vec<String>, NetlinkError> {
    let mut socket = Netlink::generic_here()?;
    let mut message = GenlMessage::from_payload(Features::Of(index));
    message.set_resolved_family_id(family(&mut socket)?);
    match socket.get(message)?.map(|answer| answer.payload) {
        Some(Features::Active(names)) => Ok(names),
        _ => Err(NetlinkError::Decode("no answer about features".into())),
    }
}

/// A question about an interface, or its answer.
#[derive(Clone, Debug)]
enum Features {
    Of(u32),
    Active(Vec<String>),
}

impl Features {
    fn attributes(&self) -> Vec<DefaultNla> {
        match self {
            Self::Of(index) => {
                let index = DefaultNla::new(1, index.to_ne_bytes().to_vec()); // ETHTOOL_A_HEADER_DEV_INDEX
                vec![nest(1, &[index])] // ETHTOOL_A_FEATURES_HEADER
            }
            Self::Active(_) => Vec::new(),
        }
    }
}

impl GenlFamily for Features {
    fn family_name() -> &'static str {
        "ethtool"
    }

    fn command(&self) -> u8 {
        GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Features {
    fn buffer_len(&self) -> usize {
        self.attributes().as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes().as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Features {
    fn parse_with_param(bytes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let mut names = Vec::new();
        // Of the features that are on, each is listed by its name: the set comes without a mask.
        for set in inside(bytes, ACTIVE)? {
            for bits in inside(&set, BITS)? {
                for bit in NlasIterator::new(&bits[..]) {
                    for name in inside(bit?.value(), NAME)? {
                        let name = String::from_utf8_lossy(&name);
                        names.push(name.trim_end_matches('\0').to_owned());
                    }
                }
            }
        }
        Ok(Self::Active(names))
    }
}

/// The values of the attributes of a kind.
fn inside(bytes: &[u8], kind: u16) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut values = Vec::new();
    for attribute in NlasIterator::new(bytes) {
        let attribute = attribute?;
        if attribute.kind() & TYPE_MASK == kind {
            values.push(attribute.value().to_vec());
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_some_and_not_all() {
        let index = nix::net::if_::if_nametoindex("lo").unwrap();
        let names = active(index).unwrap();
        // loopback_setup, drivers/net/loopback.c
        assert!(names.iter().any(|name| name == "loopback"), "{names:?}");
        let filter = names.iter().any(|name| name == "rx-vlan-filter");
        assert!(!filter, "{names:?}");
    }
}
