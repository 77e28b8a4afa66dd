//! The netlink messages about virtual functions: `RTM_GETLINK` and `RTM_SETLINK` of the physical function, with
//! `IFLA_VFINFO_LIST` (`linux/if_link.h`). Pure.
//!
//! Own code rather than netlink-packet-route's: that reads "not supported" (-1) as "off", and its emitter would have to be
//! told everything again that is said here.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NetlinkDeserializable, NetlinkHeader,
    NetlinkSerializable, NlasIterator,
};

use crate::annotation::{Attribute, Found, LinkState, Rate, Vlan, VlanProtocol};
use crate::name::MacAddress;

/// `RTM_NEWLINK`, `RTM_GETLINK` and `RTM_SETLINK` (`linux/rtnetlink.h`).
const NEWLINK: u16 = 16;
const GETLINK: u16 = 18;
const SETLINK: u16 = 19;
/// Bytes of `struct ifinfomsg`, and where its index is.
const HEADER: usize = 16;
const INDEX: usize = 4;
/// `IFF_UP` (`linux/if.h`) in `ifi_flags`, which is behind the index.
const FLAGS: usize = 8;
const UP: u32 = 1;
/// `IFLA_VFINFO_LIST` and `IFLA_EXT_MASK`.
const VFINFO_LIST: u16 = 22;
const EXT_MASK: u16 = 29;
/// `RTEXT_FILTER_VF`, and `RTEXT_FILTER_SKIP_STATS`: counters make an answer twice as long, and the list of all virtual
/// functions has to fit the 64 KiB of one attribute.
const FILTER: u32 = (1 << 0) | (1 << 3);
/// `IFLA_VF_INFO`.
const VF_INFO: u16 = 1;
/// `IFLA_VF_…`.
const MAC: u16 = 1;
const VLAN: u16 = 2;
const SPOOFCHK: u16 = 4;
const LINK_STATE: u16 = 5;
const RATE: u16 = 6;
const TRUST: u16 = 9;
const VLAN_LIST: u16 = 12;
/// `IFLA_VF_VLAN_INFO`.
const VLAN_INFO: u16 = 1;
/// Ethertypes of the tags (`linux/if_ether.h`).
const ETH_P_8021Q: u16 = 0x8100;
const ETH_P_8021AD: u16 = 0x88a8;
/// Bytes of a MAC address in `struct ifla_vf_mac`.
const MAC_ROOM: usize = 32;
/// How a driver says that it does not know an attribute.
const UNSUPPORTED: u32 = u32::MAX;
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;

/// A message about a physical function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PfMessage {
    /// Asks for the physical function of an interface index.
    Get(u32),
    /// Tells one virtual function.
    Set {
        /// Index of the physical function's interface.
        interface: u32,
        /// The virtual function.
        index: u32,
        /// What it is told.
        attributes: Vec<Attribute>,
    },
    /// The answer to [`Self::Get`].
    Answer {
        /// Whether the interface is up.
        up: bool,
        /// The virtual functions, by index.
        functions: Vec<(u32, Found)>,
    },
}

impl PfMessage {
    fn attributes(&self) -> Vec<DefaultNla> {
        match self {
            Self::Get(_) => vec![DefaultNla::new(EXT_MASK, FILTER.to_ne_bytes().to_vec())],
            Self::Set {
                index, attributes, ..
            } => {
                let attributes: Vec<DefaultNla> = attributes
                    .iter()
                    .map(|attribute| write(*index, *attribute))
                    .collect();
                let function = nest(VF_INFO, &attributes);
                vec![nest(VFINFO_LIST, &[function])]
            }
            Self::Answer { .. } => Vec::new(),
        }
    }

    fn interface(&self) -> u32 {
        match self {
            Self::Get(interface) | Self::Set { interface, .. } => *interface,
            Self::Answer { .. } => 0,
        }
    }
}

impl NetlinkSerializable for PfMessage {
    fn message_type(&self) -> u16 {
        match self {
            Self::Get(_) => GETLINK,
            Self::Set { .. } => SETLINK,
            Self::Answer { .. } => NEWLINK,
        }
    }

    fn buffer_len(&self) -> usize {
        HEADER + self.attributes().as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..HEADER].fill(0);
        buffer[INDEX..INDEX + 4].copy_from_slice(&self.interface().to_ne_bytes());
        self.attributes().as_slice().emit(&mut buffer[HEADER..]);
    }
}

impl NetlinkDeserializable for PfMessage {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        if header.message_type != NEWLINK {
            return Err("the answer is no RTM_NEWLINK".into());
        }
        let flags = number(payload, FLAGS).ok_or("the answer has no flags")?;
        let mut functions = Vec::new();
        for attribute in NlasIterator::new(payload.get(HEADER..).unwrap_or_default()) {
            let attribute = attribute?;
            if attribute.kind() & TYPE_MASK != VFINFO_LIST {
                continue;
            }
            for function in NlasIterator::new(attribute.value()) {
                functions.extend(read(function?.value())?);
            }
        }
        functions.sort_by_key(|(index, _)| *index);
        Ok(Self::Answer {
            up: flags & UP != 0,
            functions,
        })
    }
}

/// One attribute of `IFLA_VF_INFO`.
fn write(index: u32, attribute: Attribute) -> DefaultNla {
    let words = |kind, words: &[u32]| {
        let bytes = [&[index], words].concat();
        DefaultNla::new(
            kind,
            bytes.iter().flat_map(|word| word.to_ne_bytes()).collect(),
        )
    };
    match attribute {
        Attribute::Mac(mac) => {
            let mut value = index.to_ne_bytes().to_vec();
            value.extend(mac.map_or([0; 6], MacAddress::bytes));
            value.resize(4 + MAC_ROOM, 0);
            DefaultNla::new(MAC, value)
        }
        Attribute::Vlan(Vlan { id, qos, protocol }) => {
            let protocol = match protocol {
                VlanProtocol::Customer => ETH_P_8021Q,
                VlanProtocol::Service => ETH_P_8021AD,
            };
            let mut value = index.to_ne_bytes().to_vec();
            value.extend(u32::from(id).to_ne_bytes());
            value.extend(u32::from(qos).to_ne_bytes());
            value.extend(protocol.to_be_bytes());
            // The structure ends on a multiple of four bytes.
            value.extend([0; 2]);
            nest(VLAN_LIST, &[DefaultNla::new(VLAN_INFO, value)])
        }
        Attribute::Rate(Rate { min, max }) => words(RATE, &[min, max]),
        Attribute::SpoofCheck(on) => words(SPOOFCHK, &[u32::from(on)]),
        Attribute::Trust(on) => words(TRUST, &[u32::from(on)]),
        Attribute::LinkState(state) => {
            let state = match state {
                LinkState::Auto => 0,
                LinkState::Enable => 1,
                LinkState::Disable => 2,
            };
            words(LINK_STATE, &[state])
        }
    }
}

/// One `IFLA_VF_INFO`; `None` if it does not say whose it is.
fn read(bytes: &[u8]) -> Result<Option<(u32, Found)>, DecodeError> {
    let (mut index, mut found) = (None, Found::default());
    for attribute in NlasIterator::new(bytes) {
        let attribute = attribute?;
        let value = attribute.value();
        let word = |position: usize| number(value, position * 4);
        let switch = |word: Option<u32>| word.filter(|word| *word != UNSUPPORTED).map(|on| on != 0);
        match attribute.kind() & TYPE_MASK {
            MAC => {
                index = word(0);
                let bytes: Option<[u8; 6]> =
                    value.get(4..10).and_then(|bytes| bytes.try_into().ok());
                let bytes = bytes.filter(|bytes| *bytes != [0; 6]);
                found.mac = bytes.map(MacAddress::from_bytes);
            }
            // Kernels since 4.8 send the list as well, which has the protocol, and send it later.
            VLAN => found.vlan = vlan(word(1), word(2), ETH_P_8021Q),
            VLAN_LIST => {
                for info in NlasIterator::new(value) {
                    let info = info?;
                    let value = info.value();
                    let protocol: Option<[u8; 2]> =
                        value.get(12..14).and_then(|bytes| bytes.try_into().ok());
                    let protocol = protocol.map_or(ETH_P_8021Q, u16::from_be_bytes);
                    found.vlan = vlan(number(value, 4), number(value, 8), protocol);
                }
            }
            RATE => {
                let rate = word(1).zip(word(2));
                found.rate = rate.map(|(min, max)| Rate { min, max });
            }
            SPOOFCHK => found.spoof_check = switch(word(1)),
            TRUST => found.trust = switch(word(1)),
            LINK_STATE => found.link_state = word(1).and_then(link_state),
            _ => {}
        }
    }
    Ok(index.map(|index| (index, found)))
}

fn vlan(id: Option<u32>, qos: Option<u32>, protocol: u16) -> Option<Vlan> {
    let id: u16 = id?.try_into().ok()?;
    Some(Vlan {
        id,
        qos: qos?.try_into().ok()?,
        // Without a VLAN a protocol means nothing.
        protocol: if protocol == ETH_P_8021AD && id != 0 {
            VlanProtocol::Service
        } else {
            VlanProtocol::Customer
        },
    })
}

fn link_state(word: u32) -> Option<LinkState> {
    match word {
        0 => Some(LinkState::Auto),
        1 => Some(LinkState::Enable),
        2 => Some(LinkState::Disable),
        _ => None,
    }
}

fn number(bytes: &[u8], start: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(start..start + 4)?.try_into().ok()?,
    ))
}

fn nest(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut value = vec![0; attributes.buffer_len()];
    attributes.emit(&mut value);
    DefaultNla::new(kind | NLA_F_NESTED, value)
}

#[cfg(test)]
mod tests;
