//! Sends numbered datagrams at a steady rate to `udp-echo` and reports what came back, and how fast.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::arguments::{Arguments, Usage};
use crate::rtt::{Exchange, RoundTrips, exchange};
use crate::signals::Signals;

/// A datagram begins with its number, eight bytes in network order.
const NUMBER: usize = 8;
/// The largest payload of a UDP datagram over IPv4, in bytes.
const PAYLOAD_MAX: usize = 65507;

/// Sends, receives and reports; exit code 1 if any answer is missing.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<u8, Failure> {
    let arguments = Arguments::new(arguments, "crsW")?;
    let count: u64 = arguments.option('c')?.unwrap_or(10);
    let rate: f64 = arguments.option('r')?.unwrap_or(10.0);
    let size: usize = arguments.option('s')?.unwrap_or(56);
    let patience = arguments.seconds('W')?.unwrap_or(Duration::from_secs(1));
    let target = arguments.operand("ADDRESS:PORT")?;
    let target: SocketAddr = target
        .parse()
        .map_err(|_| Usage(format!("`{target}` is not 10.0.0.1:7 or [2001:db8::1]:7")))?;
    if !(NUMBER..=PAYLOAD_MAX).contains(&size) {
        return Err(Usage(format!("-s takes {NUMBER} to {PAYLOAD_MAX} bytes")).into());
    }
    if !(0.001..=1e9).contains(&rate) {
        return Err(Usage("-r takes 0.001 to 1e9 datagrams per second".to_owned()).into());
    }
    let mut sender = Sender {
        socket: connect(target)?,
        datagram: vec![0x55; size],
    };
    let signals = Signals::block_stop()?;
    let due = |number: u64| Duration::from_secs_f64(number as f64 / rate);
    let round_trips = exchange(&mut sender, &signals, count, due, patience)?;
    writeln!(std::io::stdout(), "{target}: {round_trips}")?;
    Ok(u8::from(
        !round_trips.complete() || !round_trips.any_answer(),
    ))
}

fn connect(target: SocketAddr) -> Result<UdpSocket, Failure> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket
        .connect(target)
        .map_err(|error| format!("connect {target}: {error}"))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

struct Sender {
    socket: UdpSocket,
    datagram: Vec<u8>,
}

impl Exchange for Sender {
    fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn send(&mut self, number: u64) {
        self.datagram[..NUMBER].copy_from_slice(&number.to_be_bytes());
        // Refused (nobody listens), or a full queue: lost like any other.
        let _ = self.socket.send(&self.datagram);
    }

    fn receive(&mut self, _: u64, round_trips: &mut RoundTrips) -> Result<(), Failure> {
        let mut buffer = [0; NUMBER];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(NUMBER) => {
                    round_trips.answered(u64::from_be_bytes(buffer), Instant::now());
                }
                Ok(_) => {}
                // An ICMP error of an earlier datagram; reading it clears it.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return Ok(()),
            }
        }
    }
}
