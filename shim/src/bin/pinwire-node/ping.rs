//! ICMP echo requests over IPv4 (RFC 792) and IPv6 (RFC 4443), by address only: a node needs no name service.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::Failure;
use crate::arguments::{Arguments, Usage};
use crate::rtt::{Exchange, Milliseconds, RoundTrips, exchange};
use crate::signals::Signals;

const HEADER: usize = 8;
/// The largest payload of an echo request over IPv4, in bytes.
const PAYLOAD_MAX: usize = 65507;

/// Pings; exit code 1 if nothing answered.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<u8, Failure> {
    let arguments = Arguments::new(arguments, "ciWs")?;
    let count: u64 = arguments.option('c')?.unwrap_or(u64::MAX);
    let interval = arguments.seconds('i')?.unwrap_or(Duration::from_secs(1));
    let patience = arguments.seconds('W')?.unwrap_or(Duration::from_secs(1));
    let size: usize = arguments.option('s')?.unwrap_or(56);
    let target = arguments.operand("ADDRESS")?;
    let target: IpAddr = target
        .parse()
        .map_err(|_| Usage(format!("`{target}` is not an IP address")))?;
    if size > PAYLOAD_MAX {
        return Err(Usage(format!("-s takes 0 to {PAYLOAD_MAX} bytes")).into());
    }
    let signals = Signals::block_stop()?;
    let mut pinger = Pinger::new(target, size)?;
    let due = |number: u64| interval.mul_f64(number as f64);
    let round_trips = exchange(&mut pinger, &signals, count, due, patience)?;
    writeln!(std::io::stdout(), "{target}: {round_trips}")?;
    Ok(u8::from(!round_trips.any_answer()))
}

/// How to talk to one target.
struct Pinger {
    target: IpAddr,
    /// The standard library has no sockets for ICMP, but its UDP socket does no more than sendto(2) and recvfrom(2).
    socket: UdpSocket,
    /// A raw socket sees everybody's ICMP, with the IP header on IPv4; a ping socket (icmp(7)) only its own answers.
    raw: bool,
    /// Identifies our requests; the kernel's choice on a ping socket.
    identifier: u16,
    size: usize,
}

impl Pinger {
    /// A ping socket needs no capability where the namespace's `ping_group_range` allows it, a raw one `CAP_NET_RAW`.
    fn new(target: IpAddr, size: usize) -> Result<Self, Failure> {
        let (family, protocol) = match target {
            IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
            IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (descriptor, raw) = match socket(family, SockType::Datagram, flags, protocol) {
            Err(Errno::EACCES | Errno::EPROTONOSUPPORT) => {
                let descriptor = socket(family, SockType::Raw, flags, protocol)
                    .map_err(|error| format!("raw socket (CAP_NET_RAW is needed, or net.ipv4.ping_group_range): {error}"))?;
                (descriptor, true)
            }
            descriptor => (descriptor?, false),
        };
        // Process ids alone are alike in the containers of a pod, which share their network.
        let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
        let identifier = u16::try_from((std::process::id() ^ nanoseconds >> 4) & 0xFFFF)?;
        Ok(Self {
            target,
            socket: descriptor.into(),
            raw,
            identifier,
            size,
        })
    }

    /// Length and sequence number of the message, if it is an answer to one of our requests.
    fn answer(&self, packet: &[u8], from: IpAddr) -> Option<(usize, u16)> {
        let has_ip_header = self.raw && self.target.is_ipv4();
        let message = if has_ip_header {
            packet.get(usize::from(packet.first()? & 0xF) * 4..)?
        } else {
            packet
        };
        let [
            kind,
            0,
            _,
            _,
            id_high,
            id_low,
            sequence_high,
            sequence_low,
            ..,
        ] = *message
        else {
            return None;
        };
        let reply = if self.target.is_ipv4() { 0 } else { 129 };
        let ours = !self.raw
            || (u16::from_be_bytes([id_high, id_low]) == self.identifier && from == self.target);
        let sequence = u16::from_be_bytes([sequence_high, sequence_low]);
        (kind == reply && ours).then_some((message.len(), sequence))
    }
}

impl Exchange for Pinger {
    fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Tells why a request cannot be sent (no route).
    fn send(&mut self, number: u64) {
        let mut message = vec![0x55; HEADER + self.size];
        message[0] = if self.target.is_ipv4() { 8 } else { 128 };
        message[1..4].fill(0);
        message[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        message[6..8].copy_from_slice(&sequence(number).to_be_bytes());
        if self.target.is_ipv4() {
            let sum = checksum(&message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        if let Err(error) = self
            .socket
            .send_to(&message, SocketAddr::new(self.target, 0))
        {
            crate::complain(&format!("ping: send to {}: {error}", self.target));
        }
    }

    fn receive(&mut self, next: u64, round_trips: &mut RoundTrips) -> Result<(), Failure> {
        let mut buffer = vec![0; HEADER + PAYLOAD_MAX + 60];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let now = Instant::now();
            let Some((length, sequence)) = self.answer(&buffer[..length], from.ip()) else {
                continue;
            };
            // The latest request with these 16 bits.
            let Some(last) = next.checked_sub(1) else {
                continue;
            };
            let number = last.wrapping_sub(u64::from((last as u16).wrapping_sub(sequence)));
            if let Some(time) = round_trips.answered(number, now) {
                writeln!(
                    std::io::stdout(),
                    "{length} bytes from {}: seq={number} time={} ms",
                    from.ip(),
                    Milliseconds(time)
                )?;
            }
        }
        Ok(())
    }
}

/// The low 16 bits, which are all that the message has room for.
fn sequence(number: u64) -> u16 {
    number as u16
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of RFC 1071, section 3.
    #[test]
    fn checksum_of_the_rfc() {
        assert_eq!(
            checksum(&[0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]),
            !0xDDF2
        );
        assert_eq!(
            checksum(&[0x01]),
            !0x0100,
            "an odd length is padded with zero"
        );
    }
}
