//! Sends every datagram back to where it came from, from the address that it was sent to: a node has several, and the
//! kernel's choice need not be the one that the sender is connected to.

use std::ffi::OsString;
use std::io::{IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};

use crate::Failure;
use crate::arguments::{Arguments, Usage};
use crate::signals::{Event, Signals};

/// The Echo Protocol's port (RFC 862).
const PORT: u16 = 7;

/// Echoes until asked to end.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<u8, Failure> {
    let arguments = Arguments::new(arguments, "b")?;
    let address: Option<IpAddr> = arguments.option('b')?;
    let port = match arguments.operands() {
        [] => PORT,
        _ => {
            let text = arguments.operand("PORT")?;
            text.parse()
                .map_err(|_| Usage(format!("`{text}` is not a port")))?
        }
    };
    let signals = Signals::block_stop()?;
    let socket = bind(address, port)?;
    writeln!(
        std::io::stdout(),
        "udp-echo: listening on {}",
        socket.local_addr()?
    )?;
    let mut buffer = vec![0; 65536];
    loop {
        match signals.wait(Some(socket.as_fd()), None)? {
            Event::Readable => echo_all(&socket, &mut buffer)?,
            Event::Signal(_) | Event::Timeout => return Ok(0),
        }
    }
}

/// Both address families unless one address is given or the host has no IPv6.
fn bind(address: Option<IpAddr>, port: u16) -> Result<UdpSocket, Failure> {
    let socket = match address {
        Some(address) => UdpSocket::bind((address, port)),
        None => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|error| {
            match error.raw_os_error() {
                Some(nix::libc::EADDRINUSE | nix::libc::EACCES) => Err(error),
                _ => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)),
            }
        }),
    }
    .map_err(|error| format!("bind port {port}: {error}"))?;
    socket.set_nonblocking(true)?;
    match socket.local_addr()? {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(socket)
}

/// Answers all that is there. What cannot be answered (no route back, a full queue) is lost, as on any network.
fn echo_all(socket: &UdpSocket, buffer: &mut [u8]) -> Result<(), Failure> {
    let descriptor = socket.as_raw_fd();
    let mut control = cmsg_space!(in6_pktinfo);
    loop {
        let mut parts = [IoSliceMut::new(buffer)];
        let received = match recvmsg::<SockaddrStorage>(
            descriptor,
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        ) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(()),
            // An ICMP error of an earlier answer; reading it clears it.
            Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(sender) = received.address else {
            continue;
        };
        let own = received.cmsgs()?.next();
        let length = received.bytes;
        let payload = [IoSlice::new(&buffer[..length])];
        let _ = match own {
            Some(ControlMessageOwned::Ipv4PacketInfo(info)) => {
                let from = in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: info.ipi_addr,
                    ipi_addr: info.ipi_addr,
                };
                sendmsg(
                    descriptor,
                    &payload,
                    &[ControlMessage::Ipv4PacketInfo(&from)],
                    MsgFlags::empty(),
                    Some(&sender),
                )
            }
            Some(ControlMessageOwned::Ipv6PacketInfo(info)) => {
                let from = in6_pktinfo {
                    ipi6_addr: info.ipi6_addr,
                    ipi6_ifindex: scope(&info),
                };
                sendmsg(
                    descriptor,
                    &payload,
                    &[ControlMessage::Ipv6PacketInfo(&from)],
                    MsgFlags::empty(),
                    Some(&sender),
                )
            }
            _ => sendmsg(descriptor, &payload, &[], MsgFlags::empty(), Some(&sender)),
        };
    }
}

/// The interface matters only for link-local addresses; otherwise the routes choose.
fn scope(info: &in6_pktinfo) -> u32 {
    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    if address.is_unicast_link_local() {
        info.ipi6_ifindex
    } else {
        0
    }
}
