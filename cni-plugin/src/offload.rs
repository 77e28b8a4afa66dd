//! Offloads of an interface, by ethtool's netlink family (Documentation/networking/ethtool-netlink.rst).

mod active;

pub(crate) use active::active;

use netlink_packet_core::{DefaultNla, Emitable};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlMessage};

use crate::netlink::{Netlink, NetlinkError};

/// Turns generic receive offload and transmit checksum offload of an interface of the calling thread's namespace on or
/// off.
pub(crate) fn set(index: u32, gro: bool, tx_checksum: bool) -> Result<(), NetlinkError> {
    let mut socket = Netlink::generic_here()?;
    let family = family(&mut socket)?;
    let features = [("rx-gro", gro), ("tx-checksum-ip-generic", tx_checksum)];
    let mut message = GenlMessage::from_payload(FeaturesSet { index, features });
    message.set_resolved_family_id(family);
    socket.request(message, 0)
}

/// The number that the kernel gave to ethtool's family.
fn family(socket: &mut Netlink) -> Result<u16, NetlinkError> {
    let request = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(
            FeaturesSet::family_name().to_owned(),
        )],
    };
    let answer = socket.get(GenlMessage::from_payload(request))?;
    let attributes = answer.map(|answer| answer.payload.nlas).unwrap_or_default();
    let number = attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(number) => Some(number),
            _ => None,
        });
    number.ok_or_else(|| NetlinkError::Decode("the ethtool family has no number".into()))
}

/// `ETHTOOL_MSG_FEATURES_SET` (`linux/ethtool_netlink.h)`: features by name, each on or off.
#[derive(Clone, Debug)]
struct FeaturesSet {
    index: u32,
    features: [(&'static str, bool); 2],
}

impl FeaturesSet {
    fn attributes(&self) -> Vec<DefaultNla> {
        let bit = |(name, on): &(&str, bool)| {
            let mut bit = vec![text(2, name)]; // ETHTOOL_A_BITSET_BIT_NAME
            if *on {
                bit.push(DefaultNla::new(3, Vec::new())); // ETHTOOL_A_BITSET_BIT_VALUE, a flag
            }
            nest(1, &bit) // ETHTOOL_A_BITSET_BITS_BIT
        };
        let bits: Vec<DefaultNla> = self.features.iter().map(bit).collect();
        let bits = nest(3, &bits); // ETHTOOL_A_BITSET_BITS
        let number = |kind, value: u32| DefaultNla::new(kind, value.to_ne_bytes().to_vec());
        let index = number(1, self.index); // ETHTOOL_A_HEADER_DEV_INDEX
        let flags = number(3, 1 << 1); // ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_OMIT_REPLY
        vec![
            nest(1, &[index, flags]), // ETHTOOL_A_FEATURES_HEADER
            nest(3, &[bits]),         // ETHTOOL_A_FEATURES_WANTED
        ]
    }
}

fn text(kind: u16, text: &str) -> DefaultNla {
    let mut value = text.as_bytes().to_vec();
    value.push(0);
    DefaultNla::new(kind, value)
}

fn nest(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut value = vec![0; attributes.buffer_len()];
    attributes.emit(&mut value);
    DefaultNla::new(kind | netlink_packet_core::NLA_F_NESTED, value)
}

impl GenlFamily for FeaturesSet {
    fn family_name() -> &'static str {
        "ethtool"
    }

    fn command(&self) -> u8 {
        12 // ETHTOOL_MSG_FEATURES_SET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for FeaturesSet {
    fn buffer_len(&self) -> usize {
        self.attributes().as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes().as_slice().emit(buffer);
    }
}
