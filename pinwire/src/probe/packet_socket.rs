//! Packet sockets (packet(7)): one that sends frames past the queueing discipline, and one that receives frames with the
//! kernel's stamps. The only file of this crate with unsafe code.
#![expect(
    unsafe_code,
    reason = "no library offers packet sockets with these options and batched, stamped receiving"
)]

use std::io;
use std::mem::{size_of, size_of_val};
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{c_int, c_void, socklen_t};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::batch::Batch;
use super::error::ProbeError;
use super::filter;
use super::interface::Interface;

/// A packet socket bound to one interface.
#[derive(Debug)]
pub(super) struct PacketSocket {
    descriptor: OwnedFd,
    interface: String,
}

impl PacketSocket {
    /// A socket that only sends. It bypasses the queueing discipline: what it sends is in the driver when `send` returns.
    pub(super) fn sender(interface: &Interface) -> Result<Self, ProbeError> {
        let socket = Self::open(interface)?;
        socket.set(
            "setsockopt PACKET_QDISC_BYPASS",
            libc::SOL_PACKET,
            libc::PACKET_QDISC_BYPASS,
            &1_i32,
        )?;
        Ok(socket)
    }

    /// A socket that receives only UDP datagrams to `destination`, of all that the interface takes, with room for `buffer`
    /// bytes as the kernel counts them, and stamps them from now on.
    pub(super) fn receiver(
        interface: &Interface,
        destination: SocketAddrV4,
        buffer: i32,
    ) -> Result<Self, ProbeError> {
        use libc::{SOL_PACKET, SOL_SOCKET};
        let socket = Self::open(interface)?;
        socket.set(
            "setsockopt SO_TIMESTAMPNS",
            SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            &1_i32,
        )?;
        socket.set(
            "setsockopt SO_RCVBUFFORCE",
            SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            &buffer,
        )?;
        let call = "setsockopt PACKET_IGNORE_OUTGOING";
        socket.set(call, SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        let mut filter = filter::program(destination);
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_mut_ptr(),
        };
        socket.set(
            "setsockopt SO_ATTACH_FILTER",
            SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            &program,
        )?;
        // Only now, with the filter in place.
        socket.bind(interface, libc::ETH_P_IP as u16)?;
        Ok(socket)
    }

    /// Has the interface take frames to any MAC address (promiscuous mode), until the socket is closed.
    pub(super) fn accept_any_address(&self, interface: &Interface) -> Result<(), ProbeError> {
        let membership = libc::packet_mreq {
            mr_ifindex: interface.index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        let call = "setsockopt PACKET_ADD_MEMBERSHIP";
        self.set(
            call,
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &membership,
        )
    }

    /// Sends one frame.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.descriptor, frame, rustix::net::SendFlags::DONTWAIT)?;
        Ok(())
    }

    /// Takes what has arrived, at most one batch; 0 if nothing has. Never waits.
    pub(super) fn receive(&self, batch: &mut Batch) -> Result<usize, ProbeError> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        let (headers, length) = batch.headers();
        // SAFETY: `headers` points to `length` headers, whose pointers have just been set to buffers that `batch` owns, each
        // of the length given beside it; a null timeout is allowed.
        let count = unsafe {
            libc::recvmmsg(
                self.descriptor.as_raw_fd(),
                headers,
                length,
                flags as _,
                std::ptr::null_mut(),
            )
        };
        if let Ok(count) = usize::try_from(count) {
            return Ok(count);
        }
        match io::Error::last_os_error() {
            error
                if error.kind() == io::ErrorKind::WouldBlock
                    || error.kind() == io::ErrorKind::Interrupted =>
            {
                Ok(0)
            }
            source => Err(ProbeError::Socket {
                call: "recvmmsg",
                interface: self.interface.clone(),
                source,
            }),
        }
    }

    /// Frames that found no room in the socket's buffer since the last call.
    pub(super) fn take_drops(&self) -> Result<u64, ProbeError> {
        let mut statistics = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = size_of_val(&statistics) as socklen_t;
        let value = (&raw mut statistics).cast::<c_void>();
        let (descriptor, level) = (self.descriptor.as_raw_fd(), libc::SOL_PACKET);
        // SAFETY: `value` points to `length` writable bytes.
        let result = unsafe {
            libc::getsockopt(
                descriptor,
                level,
                libc::PACKET_STATISTICS,
                value,
                &raw mut length,
            )
        };
        self.checked("getsockopt PACKET_STATISTICS", result)?;
        Ok(u64::from(statistics.tp_drops))
    }

    /// Bound to no protocol: it receives nothing yet.
    fn open(interface: &Interface) -> Result<Self, ProbeError> {
        let opened = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let descriptor = opened.map_err(|errno| match errno {
            Errno::EPERM | Errno::EACCES => ProbeError::NotPermitted,
            errno => ProbeError::Socket {
                call: "socket AF_PACKET",
                interface: interface.name.clone(),
                source: errno.into(),
            },
        })?;
        let socket = Self {
            descriptor,
            interface: interface.name.clone(),
        };
        socket.bind(interface, 0)?;
        Ok(socket)
    }

    fn bind(&self, interface: &Interface, protocol: u16) -> Result<(), ProbeError> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol.to_be(),
            sll_ifindex: interface.index.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = size_of_val(&address) as socklen_t;
        // SAFETY: the pointer is to a sockaddr_ll of `length` bytes.
        let result = unsafe {
            libc::bind(
                self.descriptor.as_raw_fd(),
                (&raw const address).cast(),
                length,
            )
        };
        self.checked("bind", result)
    }

    /// `T` must be the type that the option takes.
    fn set<T>(
        &self,
        call: &'static str,
        level: c_int,
        option: c_int,
        value: &T,
    ) -> Result<(), ProbeError> {
        let (pointer, length) = (
            (&raw const *value).cast::<c_void>(),
            size_of::<T>() as socklen_t,
        );
        // SAFETY: `pointer` points to `length` readable bytes; the pointers in a sock_fprog outlive the call, which copies
        // what they point to.
        let result = unsafe {
            libc::setsockopt(self.descriptor.as_raw_fd(), level, option, pointer, length)
        };
        self.checked(call, result)
    }

    fn checked(&self, call: &'static str, result: c_int) -> Result<(), ProbeError> {
        if result == 0 {
            return Ok(());
        }
        Err(ProbeError::Socket {
            call,
            interface: self.interface.clone(),
            source: io::Error::last_os_error(),
        })
    }
}
