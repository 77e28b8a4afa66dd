//! Transactions of nftables: many messages, and all of them take effect or none (`nfnetlink_rcv_batch`,
//! net/netfilter/nfnetlink.c).

use netlink_packet_core::NetlinkSerializable;
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{Batch, Netlink, NetlinkError, Refused};

/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END` (linux/netfilter/nfnetlink.h).
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`.
pub const NFTABLES: u8 = 10;

/// The start or end of a transaction: `struct nfgenmsg` that names the subsystem, in network order.
struct Bracket(u16);

impl NetlinkSerializable for Bracket {
    fn message_type(&self) -> u16 {
        self.0
    }

    fn buffer_len(&self) -> usize {
        4
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&[0, 0, 0, NFTABLES]);
    }
}

impl Netlink {
    /// A netfilter socket of the calling thread's namespace.
    pub fn netfilter_here() -> Result<Self, NetlinkError> {
        Self::open(NETLINK_NETFILTER)
    }

    /// Carries out all messages or, if any is refused, none; the refusals, whose positions count from 1.
    pub fn transaction<M: NetlinkSerializable>(
        &mut self,
        messages: impl IntoIterator<Item = (M, u16)>,
    ) -> Result<Vec<Refused>, NetlinkError> {
        let mut batch = Batch::default();
        batch.push(Bracket(BEGIN), 0);
        for (message, flags) in messages {
            batch.push(message, flags);
        }
        let last = batch.len() - 1;
        batch.push(Bracket(END), 0);
        let base = self.sequence.wrapping_add(1);
        for position in 0..=last {
            self.sequence = self.sequence.wrapping_add(1);
            // The kernel answers when the transaction is over. Its end itself is acknowledged by few kernels.
            batch.stamp(position, self.sequence, position == last);
        }
        self.send(batch.requests(0..=last + 1))?;
        let mut refusals = Vec::new();
        self.collect(&batch, 0, base, &mut refusals)?;
        Ok(refusals)
    }
}
