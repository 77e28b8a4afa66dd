//! One blocking netlink socket of one namespace: requests, batches of requests, and dumps.
//!
//! A socket belongs to the namespace of the thread that opened it, for good. Not here: what messages mean.

use std::io;

use netlink_packet_core::{
    DecodeError, ErrorBuffer, NLM_F_ACK, NLM_F_DUMP, NLMSG_ERROR, NetlinkBuffer,
    NetlinkDeserializable, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};

mod batch;
mod netfilter;
mod refusal;

pub use super::netlink::batch::{Batch, Refused};
pub use super::netlink::refusal::Refusal;
use super::netns::{Netns, NetnsError};
pub use netfilter::NFTABLES;

/// Room for one datagram of answers, bytes. The kernel fills at most 32 KiB for a dump (`netlink_dump`,
/// `net/netlink/af_netlink.c`); a single link with many virtual functions can take more.
const RECEIVE: usize = 64 << 10;
/// Room for an acknowledgement, or a refusal with the kernel's words, bytes. The request is not sent back.
const ACKNOWLEDGEMENT: usize = 1 << 10;
/// Requests of one send. Each may be refused, and all refusals (about 1 KiB each with the socket's overhead) have to
/// find room in the receive queue (`net.core.rmem_default`, 208 KiB) before the first is read.
const BATCH: usize = 64;

/// What can go wrong with netlink.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket's namespace could not be opened or entered.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The socket could not be opened.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// send(2) failed.
    #[error("cannot send to the kernel (netlink)")]
    Send(#[source] io::Error),
    /// recv(2) failed.
    #[error("cannot receive from the kernel (netlink)")]
    Receive(#[source] io::Error),
    /// An answer does not fit the receive buffer.
    #[error("the kernel's answer has {length} bytes, more than expected (netlink)")]
    Truncated {
        /// Bytes of the answer.
        length: usize,
    },
    /// An answer could not be read.
    #[error("cannot read the kernel's answer (netlink)")]
    Decode(#[source] DecodeError),
    /// The kernel refused the request.
    #[error("{0}")]
    Refused(Refusal),
    /// The dump kept changing while it was read (`NLM_F_DUMP_INTR`).
    #[error("the kernel's tables changed while they were read (netlink)")]
    Interrupted,
}

impl NetlinkError {
    /// The error number of a refusal.
    pub fn errno(&self) -> Option<nix::errno::Errno> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno),
            _ => None,
        }
    }
}

/// A netlink socket.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    received: Vec<u8>,
}

impl Netlink {
    /// A routing socket (rtnetlink(7)) of a namespace.
    pub(crate) fn route(netns: &Netns) -> Result<Self, NetlinkError> {
        netns.run(|| Self::open(NETLINK_ROUTE))?
    }

    /// A routing socket of the calling thread's namespace.
    pub(crate) fn route_here() -> Result<Self, NetlinkError> {
        Self::open(NETLINK_ROUTE)
    }

    /// A generic netlink socket of the calling thread's namespace.
    pub(crate) fn generic_here() -> Result<Self, NetlinkError> {
        Self::open(NETLINK_GENERIC)
    }

    fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let socket = Socket::new(protocol).map_err(NetlinkError::Open)?;
        // Text with refusals; not our own request back with each; dumps that filter as asked or fail.
        socket.set_ext_ack(true).map_err(NetlinkError::Open)?;
        socket.set_cap_ack(true).map_err(NetlinkError::Open)?;
        socket
            .set_netlink_get_strict_chk(true)
            .map_err(NetlinkError::Open)?;
        Ok(Self {
            socket,
            sequence: 0,
            received: Vec::new(),
        })
    }

    /// The index of an interface of the socket's namespace; `None` if there is no such. By ioctl(2), which takes a tenth of
    /// what `RTM_GETLINK` does, and any socket (netdevice(7)).
    pub fn index_of(&self, name: &str) -> Option<u32> {
        rustix::net::netdevice::name_to_index(&self.socket, name).ok()
    }

    /// Makes room for answers of a size, bytes; what there was room for before, there still is.
    pub(crate) fn make_room(&mut self, bytes: usize) {
        self.received.clear();
        self.received.reserve(bytes);
    }

    /// Sends one request and waits until it is done.
    pub(crate) fn request<M: NetlinkSerializable>(
        &mut self,
        message: M,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        let mut batch = Batch::default();
        batch.push(message, flags);
        match self.execute(batch)?.pop() {
            Some(refused) => Err(NetlinkError::Refused(refused.refusal)),
            None => Ok(()),
        }
    }

    /// Carries out all requests in order, going on after refusals, which come back in order. Only the last request of
    /// a send is acknowledged: a refusal is reported in any case, and silence before the last means success.
    pub fn execute(&mut self, mut batch: Batch) -> Result<Vec<Refused>, NetlinkError> {
        let mut refusals = Vec::new();
        let total = batch.len();
        for first in (0..total).step_by(BATCH) {
            let last = (first + BATCH).min(total) - 1;
            let base = self.sequence.wrapping_add(1);
            for position in first..=last {
                self.sequence = self.sequence.wrapping_add(1);
                batch.stamp(position, self.sequence, position == last);
            }
            self.send(batch.requests(first..=last))?;
            self.collect(&batch, first, base, &mut refusals)?;
        }
        tracing::debug!(requests = total, refused = refusals.len(), "netlink");
        Ok(refusals)
    }

    /// Receives until the last request sent is acknowledged or refused. What the kernel answers besides is passed over.
    fn collect(
        &mut self,
        batch: &Batch,
        first: usize,
        base: u32,
        refusals: &mut Vec<Refused>,
    ) -> Result<(), NetlinkError> {
        self.make_room(ACKNOWLEDGEMENT);
        loop {
            self.receive()?;
            let mut rest = &self.received[..];
            while let Some(message) = next(&mut rest)? {
                if message.message_type() != NLMSG_ERROR {
                    continue;
                }
                let error =
                    ErrorBuffer::new_checked(message.payload()).map_err(NetlinkError::Decode)?;
                let sequence = message.sequence_number();
                let position = first + sequence.wrapping_sub(base) as usize;
                if let Some(code) = error.code()
                    && position < batch.len()
                {
                    let refusal = Refusal::read(
                        code.get(),
                        error.payload(),
                        batch.requests(position..=position),
                    );
                    refusals.push(Refused { position, refusal });
                }
                if sequence == self.sequence {
                    return Ok(());
                }
            }
        }
    }

    /// All objects that a dump request names. Read again, up to three times, if they change meanwhile.
    pub(crate) fn dump(
        &mut self,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        for _ in 0..3 {
            match self.ask(message.clone(), NLM_F_DUMP) {
                Err(NetlinkError::Interrupted) => {}
                answer => return answer,
            }
        }
        Err(NetlinkError::Interrupted)
    }

    /// The answer to a request for one object.
    pub(crate) fn get<M>(&mut self, message: M) -> Result<Option<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        Ok(self.ask(message, NLM_F_ACK)?.into_iter().next())
    }

    fn ask<M>(&mut self, message: M, flags: u16) -> Result<Vec<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        let mut batch = Batch::default();
        batch.push(message, flags);
        self.sequence = self.sequence.wrapping_add(1);
        batch.stamp(0, self.sequence, false);
        let request = batch.requests(0..=0);
        self.make_room(RECEIVE);
        self.send(request)?;
        let (mut answers, mut interrupted) = (Vec::new(), false);
        loop {
            self.receive()?;
            let mut rest = &self.received[..];
            while let Some(message) = next(&mut rest)? {
                if message.sequence_number() != self.sequence {
                    continue;
                }
                interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                match read(message, request)? {
                    Answer::Object(object) => answers.push(object),
                    Answer::End if interrupted => return Err(NetlinkError::Interrupted),
                    Answer::End => return Ok(answers),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), NetlinkError> {
        self.socket
            .send_to(bytes, &SocketAddr::new(0, 0), 0)
            .map_err(NetlinkError::Send)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<(), NetlinkError> {
        loop {
            self.received.clear();
            match self.socket.recv(&mut self.received, libc::MSG_TRUNC) {
                Ok(length) if length > self.received.len() => {
                    return Err(NetlinkError::Truncated { length });
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NetlinkError::Receive(error)),
            }
        }
    }
}

/// `NLM_F_DUMP_INTR` (linux/netlink.h): the dump is not of one moment.
const NLM_F_DUMP_INTR: u16 = 0x10;

/// One message of the kernel's answer to a question.
enum Answer<M> {
    Object(M),
    End,
}

fn read<M: NetlinkDeserializable>(
    message: NetlinkBuffer<&[u8]>,
    request: &[u8],
) -> Result<Answer<M>, NetlinkError> {
    let refused =
        |code, payload: &[u8]| Err(NetlinkError::Refused(Refusal::read(code, payload, request)));
    let bytes = message.into_inner();
    let message = NetlinkMessage::deserialize(bytes).map_err(NetlinkError::Decode)?;
    match message.payload {
        NetlinkPayload::InnerMessage(object) => Ok(Answer::Object(object)),
        NetlinkPayload::Error(error) if error.code.is_some() => {
            refused(error.raw_code(), &error.header)
        }
        NetlinkPayload::Done(done) if done.code < 0 => refused(done.code, &[]),
        _ => Ok(Answer::End),
    }
}

/// Takes the next message of a datagram.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<NetlinkBuffer<&'a [u8]>>, NetlinkError> {
    if rest.is_empty() {
        return Ok(None);
    }
    // Checks that the header and the whole length that it gives are there.
    let message = NetlinkBuffer::new_checked(*rest).map_err(NetlinkError::Decode)?;
    let length = message.length() as usize;
    *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    Ok(Some(message))
}
