//! The frames of the probe, as the seed system's load generator makes them: UDP over IPv4 over Ethernet. The payload
//! begins with the id, four bytes little-endian; 0x55 fills the rest. The id is repeated in parts: the UDP source port is
//! ceil(id / 65536), the IP identification its low 16 bits. Sources are 10.0.0.10 to 10.0.0.19 in turn.

use std::net::{Ipv4Addr, SocketAddrV4};

use pinwire_wiring::name::MacAddress;

/// Length of an Ethernet header, in bytes.
const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
const ID: usize = 4;
/// Where the IP header begins.
const IP_AT: usize = ETHERNET;
/// Where the UDP header begins.
const UDP_AT: usize = ETHERNET + IP;
/// Where the payload begins.
const PAYLOAD_AT: usize = UDP_AT + UDP;
/// The shortest frame: one whose payload is the id.
pub(super) const SIZE_MIN: usize = PAYLOAD_AT + ID;
/// The longest frame: one whose IP packet has the greatest length.
pub(super) const SIZE_MAX: usize = ETHERNET + u16::MAX as usize;
/// The largest id whose source port fits 16 bits.
pub(super) const ID_MAX: u32 = 65535 * 65536;
/// Bytes of a received frame that are looked at.
pub(super) const HEAD: usize = SIZE_MIN;
const FILL: u8 = 0x55;
const UDP_PROTOCOL: u8 = 17;

/// A frame that is finished but for its id.
#[derive(Clone, Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    /// Sums of all 16-bit words that do not depend on the id.
    ip_sum: u32,
    udp_sum: u32,
}

impl Template {
    /// `size` is the frame's length, from [`SIZE_MIN`] to [`SIZE_MAX`].
    pub(super) fn new(
        source: MacAddress,
        destination_mac: MacAddress,
        destination: SocketAddrV4,
        size: usize,
    ) -> Self {
        let mut bytes = vec![FILL; size];
        let ip_length = (size - ETHERNET) as u16;
        let udp_length = ip_length - IP as u16;
        bytes[..6].copy_from_slice(&destination_mac.bytes());
        bytes[6..12].copy_from_slice(&source.bytes());
        bytes[12..14].copy_from_slice(&[0x08, 0x00]);
        let ip = &mut bytes[IP_AT..UDP_AT];
        ip.fill(0);
        ip[0] = 0x45;
        ip[2..4].copy_from_slice(&ip_length.to_be_bytes());
        ip[8] = 64;
        ip[9] = UDP_PROTOCOL;
        ip[16..20].copy_from_slice(&destination.ip().octets());
        let ip_sum = sum(ip);
        let udp = &mut bytes[UDP_AT..];
        udp[..UDP + ID].fill(0);
        udp[2..4].copy_from_slice(&destination.port().to_be_bytes());
        udp[4..6].copy_from_slice(&udp_length.to_be_bytes());
        // The pseudo-header of RFC 768: addresses, protocol, length. The source address is added with the id.
        let udp_sum = sum(udp)
            + sum(&destination.ip().octets())
            + u32::from(UDP_PROTOCOL)
            + u32::from(udp_length);
        Self {
            bytes,
            ip_sum,
            udp_sum,
        }
    }

    /// The frame with this id, valid checksums included.
    pub(super) fn with_id(&mut self, id: u32) -> &[u8] {
        let source = Ipv4Addr::new(10, 0, 0, 10 + (id % 10) as u8).octets();
        let port = source_port(id).to_be_bytes();
        let identification = (id as u16).to_be_bytes();
        let payload = id.to_le_bytes();
        let ip = &mut self.bytes[IP_AT..UDP_AT];
        ip[4..6].copy_from_slice(&identification);
        ip[12..16].copy_from_slice(&source);
        let checksum = fold(self.ip_sum + sum(&identification) + sum(&source));
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        let udp = &mut self.bytes[UDP_AT..];
        udp[..2].copy_from_slice(&port);
        udp[UDP..UDP + ID].copy_from_slice(&payload);
        let checksum = match fold(self.udp_sum + sum(&source) + sum(&port) + sum(&payload)) {
            // Zero would say that there is no checksum (RFC 768).
            0 => u16::MAX,
            checksum => checksum,
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        &self.bytes
    }
}

/// The id of a received frame to `destination`; none if it is not one of ours, or damaged.
pub(super) fn id(frame: &[u8], destination: SocketAddrV4) -> Option<u32> {
    let head: &[u8; HEAD] = frame.first_chunk()?;
    let ours = head[12..15] == [0x08, 0x00, 0x45]
        && head[IP_AT + 9] == UDP_PROTOCOL
        && head[IP_AT + 16..UDP_AT] == destination.ip().octets()
        && head[UDP_AT + 2..UDP_AT + 4] == destination.port().to_be_bytes();
    let id = u32::from_le_bytes(head[PAYLOAD_AT..].try_into().ok()?);
    let consistent = (1..=ID_MAX).contains(&id)
        && head[IP_AT + 4..IP_AT + 6] == (id as u16).to_be_bytes()
        && head[UDP_AT..UDP_AT + 2] == source_port(id).to_be_bytes();
    (ours && consistent).then_some(id)
}

/// ceil(id / 65536); ids are at most [`ID_MAX`].
fn source_port(id: u32) -> u16 {
    id.div_ceil(65536) as u16
}

fn sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum()
}

/// The Internet checksum of a sum of words (RFC 1071).
fn fold(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 20), 23432);

    fn template(size: usize) -> Template {
        let mac = MacAddress::from_bytes;
        Template::new(
            mac([2, 0, 0, 0, 0, 1]),
            mac([2, 0, 0, 0, 0, 2]),
            DESTINATION,
            size,
        )
    }

    /// The first counted frame after the seed's warm-up, byte by byte but for the checksums.
    #[test]
    fn frame_of_the_seed() {
        let mut template = template(84);
        let frame = template.with_id(946);
        assert_eq!(frame.len(), 84);
        assert_eq!(frame[..14], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        assert_eq!(frame[14..24], [0x45, 0, 0, 70, 0x03, 0xB2, 0, 0, 64, 17]);
        assert_eq!(frame[26..34], [10, 0, 0, 16, 10, 0, 2, 20]);
        assert_eq!(frame[34..40], [0, 1, 0x5B, 0x88, 0, 50]);
        assert_eq!(frame[42..46], [0xB2, 0x03, 0, 0]);
        assert!(frame[46..].iter().all(|byte| *byte == 0x55));
    }

    /// RFC 1071: with the checksum in place, the sum of all words is 0xFFFF.
    #[test]
    fn checksums_hold() {
        for size in [SIZE_MIN, SIZE_MIN + 1, 84, 1514] {
            let mut template = template(size);
            for id in [1, 9, 65535, 65536, 65537, 1_000_000, ID_MAX] {
                let frame = template.with_id(id);
                assert_eq!(fold(sum(&frame[14..34])), 0, "IP, size {size}, id {id}");
                let pseudo = sum(&frame[26..34]) + 17 + (size as u32 - 34);
                assert_eq!(
                    fold(sum(&frame[34..]) + pseudo),
                    0,
                    "UDP, size {size}, id {id}"
                );
            }
        }
    }

    #[test]
    fn ids_survive() {
        let mut template = template(SIZE_MIN);
        for id in [1, 65535, 65536, 65537, 131_072, 131_073, ID_MAX] {
            assert_eq!(super::id(template.with_id(id), DESTINATION), Some(id));
        }
        let mut frame = template.with_id(7).to_vec();
        assert_eq!(
            super::id(&frame[..SIZE_MIN - 1], DESTINATION),
            None,
            "too short"
        );
        frame[SIZE_MIN - 1] ^= 1;
        assert_eq!(super::id(&frame, DESTINATION), None, "damaged");
    }
}
