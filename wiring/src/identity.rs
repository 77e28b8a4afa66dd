//! What a wire's ends are known by: MAC address, alternative name and group, derived from names alone.
//!
//! The same topology has the same MAC addresses (and so the same IPv6 link-local addresses), alternative names and groups
//! on every machine and in every run. Each is the head of the SHA-256 of a purpose and the names, each name followed by
//! a zero byte, so that no two lists of names read the same.

use hmac_sha256::Hash;

use crate::name::{InterfaceName, MacAddress, TopologyName};

/// The start of every alternative name: a link without it is not Pinwire's.
pub const ALTNAME_PREFIX: &str = "pinwire-";
/// What stands for the node of an end in the host's namespace; `host:NAME` in a manifest is never a pod's.
pub const HOST: &str = "host";

/// One end of a wire by name: the node (or [`HOST`]) and its interface.
pub type EndName<'a> = (&'a str, &'a InterfaceName);

/// The MAC address of an end: unicast, locally administered (IEEE 802c), 46 bits of the hash.
pub fn mac(topology: &TopologyName, end: EndName<'_>) -> MacAddress {
    let hash = hash("mac", topology, names(end).into_iter());
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&hash[..6]);
    bytes[0] = bytes[0] & 0xfc | 0x02;
    MacAddress::from_bytes(bytes)
}

/// The alternative name of an end, `pinwire-TOPOLOGY-` and 16 hexadecimal digits: the mark of ownership, unique within
/// a namespace, at most 88 of the 127 bytes that the kernel allows (ALTIFNAMSIZ, linux/if.h).
pub fn altname(topology: &TopologyName, end: EndName<'_>) -> String {
    let hash = hash("altname", topology, names(end).into_iter());
    let digits = hexadecimal(&hash[..8]);
    format!("{ALTNAME_PREFIX}{topology}-{digits}")
}

/// The group of both ends of a wire (`ip link … group`): its number, the same whichever end is named first. Never 0,
/// the kernel's default group, and never 1, which people choose by hand.
pub fn group(topology: &TopologyName, one: EndName<'_>, other: EndName<'_>) -> u32 {
    let ends = [one.min(other), one.max(other)];
    number(hash("group", topology, ends.into_iter().flat_map(names)))
}

fn number(hash: [u8; 32]) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&hash[..4]);
    // The kernel keeps a group as a signed int.
    (u32::from_be_bytes(bytes) & 0x7fff_ffff).max(2)
}

/// The group of the ends of a node, where a pod makes wires: they come up together.
pub fn node_group(topology: &TopologyName, node: &str) -> u32 {
    number(hash("node", topology, [node].into_iter()))
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
    digits.collect()
}

fn names(end: EndName<'_>) -> [&str; 2] {
    let (node, interface) = end;
    [node, interface.as_str()]
}

fn hash<'a>(
    purpose: &'a str,
    topology: &'a TopologyName,
    names: impl Iterator<Item = &'a str>,
) -> [u8; 32] {
    let mut hash = Hash::new();
    for name in ["pinwire", purpose, topology.as_str()]
        .into_iter()
        .chain(names)
    {
        hash.update(name);
        hash.update([0]);
    }
    hash.finalize()
}
