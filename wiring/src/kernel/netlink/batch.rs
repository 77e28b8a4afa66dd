//! Netlink requests that are sent together: bytes, until [`crate::kernel::netlink`] sends them.

use std::ops::RangeInclusive;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};

use super::refusal::Refusal;

/// One request of a [`Batch`] that the kernel refused.
#[derive(Debug)]
pub struct Refused {
    /// Its position in the batch, from 0.
    pub position: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Requests that are sent together.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each request starts.
    starts: Vec<usize>,
}

impl Batch {
    /// Adds a request; `flags` beyond `NLM_F_REQUEST`.
    pub fn push<M: NetlinkSerializable>(&mut self, message: M, flags: u16) {
        let mut message = NetlinkMessage::new(
            NetlinkHeader::default(),
            NetlinkPayload::InnerMessage(message),
        );
        message.header.flags = NLM_F_REQUEST | flags;
        message.finalize();
        let start = self.bytes.len();
        // Messages are aligned to four bytes (NLMSG_ALIGN).
        self.bytes
            .resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut self.bytes[start..]);
        self.starts.push(start);
    }

    /// Number of requests.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The bytes of some requests.
    pub fn requests(&self, positions: RangeInclusive<usize>) -> &[u8] {
        let end = self
            .starts
            .get(positions.end() + 1)
            .copied()
            .unwrap_or(self.bytes.len());
        &self.bytes[self.starts[*positions.start()]..end]
    }

    /// Sets the sequence number of one request, and asks for its acknowledgement if it is the last of a send.
    pub fn stamp(&mut self, position: usize, sequence: u32, last: bool) {
        let start = self.starts[position];
        self.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        if last {
            let flags = u16::from_ne_bytes([self.bytes[start + 6], self.bytes[start + 7]]);
            self.bytes[start + 6..start + 8].copy_from_slice(&(flags | NLM_F_ACK).to_ne_bytes());
        }
    }
}
