//! Messages of nftables (`linux/netfilter/nf_tables.h`): pure. Numbers are in network order, but for what is compared with
//! numbers that the kernel keeps in the host's.

use std::net::IpAddr;

use netlink_packet_core::{
    DefaultNla, Emitable, NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL, NetlinkSerializable,
};

use pinwire_wiring::kernel::netlink::NFTABLES;

/// Name of the table.
pub(super) const TABLE: &str = "pinwire";
/// Flags of what must be new, and of what may be there.
pub(super) const CREATE: u16 = NLM_F_CREATE | NLM_F_EXCL;
pub(super) const REPLACEABLE: u16 = NLM_F_CREATE;

const CHAIN: &str = "masquerade";
/// `NFPROTO_INET`, `NFPROTO_IPV4` and `NFPROTO_IPV6` (linux/netfilter.h).
const INET: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// `NF_INET_POST_ROUTING`.
const POSTROUTING: u32 = 4;
/// `NF_IP_PRI_NAT_SRC`.
const SOURCE_NAT: u32 = 100;
/// The register that expressions pass values by (`NFT_REG_1`).
const REGISTER: u32 = 1;

/// One message.
pub(super) struct Message {
    kind: u8,
    attributes: Vec<DefaultNla>,
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        u16::from(NFTABLES) << 8 | u16::from(self.kind)
    }

    fn buffer_len(&self) -> usize {
        4 + self.attributes.as_slice().buffer_len()
    }

    /// `struct nfgenmsg`, then attributes.
    fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(4);
        header.copy_from_slice(&[INET, 0, 0, 0]);
        self.attributes.as_slice().emit(attributes);
    }
}

impl Message {
    /// `NFT_MSG_NEWTABLE`.
    pub(super) fn table() -> Self {
        Self {
            kind: 0,
            attributes: vec![text(1, TABLE)],
        }
    }

    /// `NFT_MSG_NEWCHAIN` of type `nat` on the way out, which accepts what no rule of its knows.
    pub(super) fn chain() -> Self {
        let hook = [number(1, POSTROUTING), number(2, SOURCE_NAT)];
        Self {
            kind: 3,
            attributes: vec![
                text(1, TABLE),
                text(3, CHAIN),
                nest(4, &hook),
                text(7, "nat"),
            ],
        }
    }

    /// `NFT_MSG_NEWSET` of addresses. The type is nft's own number for `ipv4_addr` or `ipv6_addr`, by which it shows them.
    pub(super) fn set(v4: bool) -> Self {
        let (kind, length) = if v4 { (7, 4) } else { (8, 16) };
        Self {
            kind: 9,
            attributes: vec![
                text(1, TABLE),
                text(2, set(v4)),
                number(3, 0), // NFTA_SET_FLAGS
                number(4, kind),
                number(5, length),
                number(10, kind), // NFTA_SET_ID, unique within the transaction
            ],
        }
    }

    /// `NFT_MSG_NEWSETELEM` or `NFT_MSG_DELSETELEM` of an address.
    pub(super) fn element(address: IpAddr, add: bool) -> Self {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let key = nest(1, &[DefaultNla::new(1, bytes)]);
        let elements = nest(3, &[nest(1, &[key])]);
        Self {
            kind: if add { 12 } else { 14 },
            attributes: vec![text(1, TABLE), text(2, set(address.is_ipv4())), elements],
        }
    }

    /// `NFT_MSG_NEWRULE`: `meta nfproto ipv4 ip saddr @ipv4 meta oifgroup != GROUP masquerade`, or the same of IPv6.
    pub(super) fn rule(v4: bool, group: u32) -> Self {
        let (protocol, offset, length) = if v4 { (IPV4, 12, 4) } else { (IPV6, 8, 16) };
        let payload = [
            number(1, REGISTER),
            number(2, 1), // NFT_PAYLOAD_NETWORK_HEADER
            number(3, offset),
            number(4, length),
        ];
        let lookup = [text(1, set(v4)), number(2, REGISTER)];
        let expressions = [
            meta(15), // NFT_META_NFPROTO
            compare(0, vec![protocol]),
            expression("payload", &payload),
            expression("lookup", &lookup),
            meta(22), // NFT_META_OIFGROUP
            compare(1, group.to_ne_bytes().to_vec()),
            expression("masq", &[]),
        ];
        Self {
            kind: 6,
            attributes: vec![text(1, TABLE), text(2, CHAIN), nest(4, &expressions)],
        }
    }
}

fn set(v4: bool) -> &'static str {
    if v4 { "ipv4" } else { "ipv6" }
}

/// Loads a property of the packet.
fn meta(key: u32) -> DefaultNla {
    expression("meta", &[number(1, REGISTER), number(2, key)])
}

/// Goes on if what was loaded is the same (`NFT_CMP_EQ`, 0) or not (`NFT_CMP_NEQ`, 1).
fn compare(operation: u32, value: Vec<u8>) -> DefaultNla {
    let value = nest(3, &[DefaultNla::new(1, value)]);
    expression("cmp", &[number(1, REGISTER), number(2, operation), value])
}

/// An element of a list of expressions.
fn expression(name: &str, attributes: &[DefaultNla]) -> DefaultNla {
    nest(1, &[text(1, name), nest(2, attributes)])
}

fn text(kind: u16, text: &str) -> DefaultNla {
    let mut value = text.as_bytes().to_vec();
    value.push(0);
    DefaultNla::new(kind, value)
}

fn number(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

fn nest(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut value = vec![0; attributes.buffer_len()];
    attributes.emit(&mut value);
    DefaultNla::new(kind | NLA_F_NESTED, value)
}
