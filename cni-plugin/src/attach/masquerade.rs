//! Masquerading by nftables(8), spoken over netlink: the table `pinwire` of family `inet` holds one set of addresses for
//! each family, and two rules that masquerade what they send out of the host. Attaching adds elements, detaching removes
//! them; the table stays.
//!
//! What goes to another attached interface keeps its source: such interfaces are told by their group.

use std::net::IpAddr;

use nix::errno::Errno;

use super::HOST_GROUP;
use pinwire_wiring::kernel::netlink::{Netlink, NetlinkError, Refused};

mod message;

use message::{CREATE, Message, REPLACEABLE, TABLE};

/// What nftables refused.
#[derive(Debug, thiserror::Error)]
pub enum MasqueradeError {
    /// An address could not be added or removed.
    #[error("cannot {verb} the masquerading of {address} (nftables, table inet {TABLE})")]
    Element {
        /// What was tried.
        verb: &'static str,
        /// The address.
        address: IpAddr,
        /// Why.
        source: NetlinkError,
    },
    /// The table could not be made.
    #[error("cannot make the table inet {TABLE} (nftables)")]
    Table(#[source] NetlinkError),
}

/// Masquerades what comes from addresses.
pub(crate) fn add(addresses: &[IpAddr]) -> Result<(), MasqueradeError> {
    for address in addresses {
        match element(*address, true) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => {
                make_table()?;
                element(*address, true)
            }
            added => added,
        }
        .map_err(|source| MasqueradeError::Element {
            verb: "add",
            address: *address,
            source,
        })?;
    }
    Ok(())
}

/// Ends that. What is gone already is no error.
pub(crate) fn remove(addresses: &[IpAddr]) -> Result<(), MasqueradeError> {
    for address in addresses {
        match element(*address, false) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => {}
            removed => removed.map_err(|source| MasqueradeError::Element {
                verb: "remove",
                address: *address,
                source,
            })?,
        }
    }
    Ok(())
}

fn element(address: IpAddr, add: bool) -> Result<(), NetlinkError> {
    let flags = if add { REPLACEABLE } else { 0 };
    let message = Message::element(address, add);
    first(Netlink::netfilter_here()?.transaction([(message, flags)])?)
}

/// Makes the table with all that is in it but addresses, unless another call has just done so.
fn make_table() -> Result<(), MasqueradeError> {
    let messages = [
        (Message::table(), CREATE),
        (Message::chain(), CREATE),
        (Message::set(true), CREATE),
        (Message::set(false), CREATE),
        (Message::rule(true, HOST_GROUP), CREATE),
        (Message::rule(false, HOST_GROUP), CREATE),
    ];
    let made = Netlink::netfilter_here()
        .and_then(|mut socket| socket.transaction(messages))
        .and_then(first);
    match made {
        Err(error) if error.errno() == Some(Errno::EEXIST) => Ok(()),
        made => made.map_err(MasqueradeError::Table),
    }
}

fn first(refused: Vec<Refused>) -> Result<(), NetlinkError> {
    match refused.into_iter().next() {
        Some(refused) => Err(NetlinkError::Refused(refused.refusal)),
        None => Ok(()),
    }
}
