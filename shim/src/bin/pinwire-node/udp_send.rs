//! Sends numbered datagrams at a steady rate to `udp-echo` and reports what came back, and how fast.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::arguments::{Arguments, Usage};
use crate::rtt::RoundTrips;
use crate::signals::{Event, Signals};

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
    let socket = connect(target)?;
    let round_trips = exchange(&socket, count, rate, size, patience)?;
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

/// Datagram n is due at the start plus n/rate, whatever happened to those before it. Ends `patience` after the last one,
/// at the last answer, or when asked to.
fn exchange(
    socket: &UdpSocket,
    count: u64,
    rate: f64,
    size: usize,
    patience: Duration,
) -> Result<RoundTrips, Failure> {
    let signals = Signals::block_stop()?;
    let mut round_trips = RoundTrips::default();
    let mut datagram = vec![0x55; size];
    let start = Instant::now();
    let mut next = 0;
    let mut deadline = start;
    loop {
        if next < count && Instant::now() >= deadline {
            datagram[..NUMBER].copy_from_slice(&next.to_be_bytes());
            round_trips.sent(next, Instant::now());
            // Refused (nobody listens), or a full queue: lost like any other.
            let _ = socket.send(&datagram);
            next += 1;
            let wait = if next < count {
                Duration::from_secs_f64(next as f64 / rate)
            } else {
                start.elapsed() + patience
            };
            deadline = start + wait;
        }
        if next == count && round_trips.complete() {
            return Ok(round_trips);
        }
        match signals.wait(Some(socket.as_fd()), Some(deadline))? {
            Event::Readable => receive(socket, &mut round_trips),
            Event::Timeout if next == count => return Ok(round_trips),
            Event::Timeout => {}
            Event::Signal(_) => return Ok(round_trips),
        }
    }
}

/// Takes all answers that are there.
fn receive(socket: &UdpSocket, round_trips: &mut RoundTrips) {
    let mut buffer = [0; NUMBER];
    loop {
        match socket.recv(&mut buffer) {
            Ok(NUMBER) => {
                round_trips.answered(u64::from_be_bytes(buffer), Instant::now());
            }
            Ok(_) => {}
            // An ICMP error of an earlier datagram; reading it clears it.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return,
        }
    }
}
