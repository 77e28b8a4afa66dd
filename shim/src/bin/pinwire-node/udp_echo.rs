//! Sends every datagram back to where it came from, from the address that it was sent to: a node has several, and the
//! kernel's choice need not be the one that the sender is connected to.

use std::ffi::OsString;
use std::io::{IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::in6_pktinfo;
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

/// Answers all that is there.
fn echo_all(socket: &UdpSocket, buffer: &mut [u8]) -> Result<(), Failure> {
    let descriptor = socket.as_raw_fd();
    let mut control = cmsg_space!(in6_pktinfo);
    loop {
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::empty();
        let received = match recvmsg(descriptor, &mut parts, Some(&mut control), flags) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let (length, sender, own) = (received.bytes, received.address, received.cmsgs()?.next());
        if let Some(sender) = sender {
            answer(descriptor, &buffer[..length], sender, own);
        }
    }
}

/// Sends a datagram back. If it cannot be (no route back, a full queue) it is lost, as on any network.
fn answer(
    descriptor: RawFd,
    datagram: &[u8],
    sender: SockaddrStorage,
    own: Option<ControlMessageOwned>,
) {
    let payload = [IoSlice::new(datagram)];
    let send = |control: &[ControlMessage<'_>]| {
        let _ = sendmsg(
            descriptor,
            &payload,
            control,
            MsgFlags::empty(),
            Some(&sender),
        );
    };
    match own {
        Some(ControlMessageOwned::Ipv4PacketInfo(mut info)) => {
            info.ipi_ifindex = 0;
            info.ipi_spec_dst = info.ipi_addr;
            send(&[ControlMessage::Ipv4PacketInfo(&info)]);
        }
        Some(ControlMessageOwned::Ipv6PacketInfo(mut info)) => {
            info.ipi6_ifindex = scope(&info);
            send(&[ControlMessage::Ipv6PacketInfo(&info)]);
        }
        _ => send(&[]),
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
