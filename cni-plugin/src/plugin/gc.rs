//! GC: attachments that nobody has any more go, by the runtime's list or, for runtimes that send none, by their
//! namespaces.

use std::net::IpAddr;
use std::time::Duration;

use super::attachment::{Attachment, Kind, Mode};
use super::error::PluginError;
use crate::attach::{self, ipam};
use crate::cni::configuration::ValidAttachment;
use crate::cni::delegate::Delegate;
use crate::cni::ipam::IpamError;
use crate::cni::version::Verb;
use crate::topology::rendezvous;
use pinwire_wiring::allocation;
use pinwire_wiring::ledger::Identifier;
use pinwire_wiring::ledger::gone::Inhabited;
use pinwire_wiring::ledger::{Journal, State};
use pinwire_wiring::machine::Sysfs;

/// The age from which on a file that is still being written is one whose call was killed: calls take milliseconds.
const ABANDONED: Duration = Duration::from_secs(60);

/// Removes all attachments of a network that are not in the list, then has the IPAM plugin do the same. Goes on after
/// errors and returns them all. An empty list means that no attachment is valid.
pub fn collect(
    state: &State,
    network: &Identifier,
    valid: &[ValidAttachment],
    delegate: Option<&Delegate>,
) -> Vec<PluginError> {
    let is_valid = |attachment: &Attachment| {
        let name = &attachment.name;
        name.network != *network
            || valid.iter().any(|valid| {
                valid.container == name.container.as_str()
                    && valid.interface == name.interface.as_str()
            })
    };
    let mut errors = remove(state, is_valid, delegate);
    // Runtimes do not ADD during a GC, so nobody is writing.
    let discarded = state.discard_unfinished(Duration::ZERO);
    errors.extend(discarded.err().map(PluginError::from));
    if let Some(delegate) = delegate {
        errors.extend(delegate_gc(delegate).err().map(PluginError::from));
    }
    errors
}

/// Has the IPAM plugin collect, unless it speaks no version that knows how to.
fn delegate_gc(delegate: &Delegate) -> Result<(), IpamError> {
    let ipam = ipam(delegate);
    if ipam.speaks(Verb::Gc.since())? {
        ipam.gc()?;
    }
    Ok(())
}

/// Removes all attachments that [`stale`] finds. Goes on after errors and returns them all.
pub fn sweep(state: &State) -> Vec<PluginError> {
    let (stale, mut errors) = match stale(state) {
        Ok(found) => found,
        Err(error) => return vec![error],
    };
    for attachment in stale {
        errors.extend(discard(state, attachment));
    }
    errors.extend(tidy(state));
    errors
}

/// The attachments whose container is gone, of all networks, and the records that cannot be read. A container is gone if
/// its namespace is no more where it was and no process is in it.
///
/// # Errors
/// [`PluginError`], if the state or the processes cannot be listed.
pub fn stale(state: &State) -> Result<(Vec<Attachment>, Vec<PluginError>), PluginError> {
    let (mut attachments, errors) = state.list()?;
    Inhabited::default().retain_gone(&mut attachments, |attachment| &attachment.netns)?;
    Ok((
        attachments,
        errors.into_iter().map(PluginError::from).collect(),
    ))
}

/// Removes what would be in the way of addresses that are about to be attached to a network, for runtimes that may not
/// detach. What is left in the network goes where its namespace is no more: its runtime is the caller, who sees what it
/// mounted. In other networks what had one of the addresses goes as [`stale`] says: its removal later on would end the new
/// one's masquerading. Goes on after errors and returns them all.
pub(crate) fn sweep_before(
    state: &State,
    network: &Identifier,
    addresses: &[IpAddr],
) -> Vec<PluginError> {
    let (mut attachments, errors) = match state.list() {
        Ok(found) => found,
        Err(error) => return vec![error.into()],
    };
    let mut errors: Vec<PluginError> = errors.into_iter().map(PluginError::from).collect();
    attachments.retain(|attachment| attachment.netns.open().is_none());
    let (ours, mut others): (Vec<_>, Vec<_>) = attachments
        .into_iter()
        .partition(|attachment| attachment.name.network == *network);
    others.retain(|attachment| match &attachment.kind {
        Kind::Attached(attach::record::Kind::Interface { plan, .. }) => {
            let mut had = plan.container_addresses().into_iter();
            had.any(|address| addresses.contains(&address))
        }
        Kind::Attached(_) | Kind::Joined(_) => false,
    });
    if let Err(error) = Inhabited::default().retain_gone(&mut others, |other| &other.netns) {
        errors.push(error.into());
        others.clear();
    }
    for attachment in ours.into_iter().chain(others) {
        errors.extend(discard(state, attachment));
    }
    let discarded = state.discard_unfinished(ABANDONED);
    errors.extend(discarded.err().map(PluginError::from));
    errors
}

/// Removes what is left of an attachment. Goes on after errors and returns them all.
pub fn discard(state: &State, attachment: Attachment) -> Vec<PluginError> {
    tracing::info!(attachment = %attachment.name, "removing");
    detach(state, attachment, None)
}

fn remove(
    state: &State,
    keep: impl Fn(&Attachment) -> bool,
    delegate: Option<&Delegate>,
) -> Vec<PluginError> {
    let (attachments, errors) = match state.list() {
        Ok((attachments, errors)) => (attachments, errors),
        Err(error) => return vec![error.into()],
    };
    let mut errors: Vec<PluginError> = errors.into_iter().map(PluginError::from).collect();
    for attachment in attachments
        .into_iter()
        .filter(|attachment| !keep(attachment))
    {
        tracing::info!(attachment = %attachment.name, "removing");
        errors.extend(detach(state, attachment, delegate));
    }
    errors.extend(tidy(state));
    errors
}

/// Gives back virtual functions of which no attachment is known any more.
fn orphans(state: &State) -> Vec<PluginError> {
    let holdings = match state.holdings() {
        Ok(holdings) => holdings,
        Err(error) => return vec![error.into()],
    };
    let mut errors = Vec::new();
    for holding in holdings {
        // One that cannot be read was reported by whoever listed the attachments.
        if matches!(state.read::<Kind>(&holding.owner), Ok(None)) {
            let restored = allocation::restore::give_back(state, &holding.owner);
            errors.extend(restored.into_iter().map(PluginError::from));
        }
    }
    errors
}

/// Detaches whatever an attachment is. `delegate` is the IPAM plugin by the caller's configuration, which is newer than
/// the one that was written down.
pub(crate) fn detach(
    state: &State,
    attachment: Attachment,
    delegate: Option<&Delegate>,
) -> Vec<PluginError> {
    let attachment = match Mode::of(attachment) {
        Mode::Joined(attachment) => {
            let left = rendezvous::leave(state, &attachment);
            return left.into_iter().map(PluginError::from).collect();
        }
        Mode::Attached(attachment) => attachment,
    };
    // The arguments are those of the attachment, not of the GC.
    let current = delegate
        .zip(attachment.kind.delegate())
        .map(|(current, recorded)| Delegate {
            arguments: recorded.arguments.clone(),
            ..current.clone()
        });
    let netns = attachment.netns.open();
    let netns = netns.map(|_| attachment.netns.path.as_path());
    let current = current.as_ref().map(|current| (current, netns));
    let left = attach::detach(state, &attachment, current);
    left.into_iter().map(PluginError::from).collect()
}

/// Removes what calls left that were killed between their last changes: virtual functions that no attachment has, what users
/// that are gone changed on the host, locks and empty directories of nodes, and files that they were writing a minute ago or
/// longer. Goes on after errors and returns them all.
pub fn tidy(state: &State) -> Vec<PluginError> {
    let mut errors = orphans(state);
    let sysfs = Sysfs::default();
    let tidied = Journal::here(state, &sysfs).tidy().into_iter();
    errors.extend(tidied.map(PluginError::from));
    errors.extend(unlock(state).err());
    let discarded = state.discard_unfinished(ABANDONED);
    errors.extend(discarded.err().map(PluginError::from));
    errors
}

fn unlock(state: &State) -> Result<(), PluginError> {
    for node in state.nodes()? {
        let locks = state.lock(vec![node])?;
        state.unlock(locks)?;
    }
    Ok(())
}
