//! The end of a topology's link as an attachment of its own, for a caller that knows the whole topology (`pinwire up`):
//! what it is told beyond its name, MAC address and MTU is the caller's business. Allocation and journal are those of CNI.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::choice::Source;
use super::enter::enter;
use super::error::FunctionError;
use super::near::Runner;
use super::take::{Wanted, take};
use super::{FunctionPlan, check, detach as detach_attachment, restore, tune};
use crate::name::{InterfaceName, MacAddress, NodeName, TopologyName};
use crate::plugin::environment::Identifier;
use crate::plugin::error::{PluginError, chain};
use crate::plugin::fault::step;
use crate::plugin::state::{Attachment, AttachmentName, Holding, Kind, NetnsRecord, State};
use crate::tuning::Tuning;
use crate::vf::{Pool, Sysfs, VfOptions};

/// A virtual function as the end of a topology's link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionEnd {
    /// The topology.
    pub topology: TopologyName,
    /// The node.
    pub node: NodeName,
    /// The interface in the node.
    pub interface: InterfaceName,
    /// The other end of the wire; none for a virtual function that leads out of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<(NodeName, InterfaceName)>,
    /// The node's network namespace.
    pub netns: PathBuf,
    /// MAC address.
    pub mac: MacAddress,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// Alternative name, the mark of ownership.
    pub altname: String,
    /// The pool's name.
    pub pool: String,
    /// What the pool is.
    pub members: Pool,
    /// What else it is told.
    pub options: VfOptions,
    /// What its interface is tuned to.
    #[serde(default, skip_serializing_if = "Tuning::is_empty")]
    pub tuning: Tuning,
}

impl FunctionEnd {
    /// The name of its attachment.
    pub fn name(&self) -> AttachmentName {
        AttachmentName {
            network: network(&self.topology),
            container: Identifier::from(&self.node),
            interface: self.interface.clone(),
        }
    }
}

/// The network of all attachments of a topology; no network of CNI's, unless somebody wants it to be one.
pub(super) fn network(topology: &TopologyName) -> Identifier {
    Identifier::of_topology(topology)
}

/// Attaches an end. Of the two ends of a wire the first chooses both virtual functions and the VLAN. A failure leaves
/// nothing behind.
///
/// # Errors
/// The first [`PluginError`].
pub fn attach(state: &State, end: &FunctionEnd) -> Result<(), PluginError> {
    let netns = crate::plugin::open(&end.netns)?;
    let attachment = Attachment {
        name: end.name(),
        netns: NetnsRecord {
            path: end.netns.clone(),
            id: netns.id(),
        },
        kind: Kind::Function {
            plan: FunctionPlan::default(),
            delegate: None,
        },
    };
    let sysfs = Sysfs::default();
    let wanted = wanted(&sysfs, &attachment, end)?;
    step();
    state.write(&attachment)?;
    step();
    let attached = take(state, &sysfs, &wanted).and_then(|(mut holding, _)| {
        let device = enter(&holding, &netns)?;
        tune::settle(state, &sysfs, &mut holding, &netns, device.as_ref())
    });
    if attached.is_err() {
        // The first error is the one to report; what cannot be undone stays written down.
        for error in detach_attachment(state, &attachment, None) {
            tracing::warn!(error = chain(&error), "undo");
        }
    }
    attached
}

fn wanted<'a>(
    sysfs: &Sysfs,
    attachment: &'a Attachment,
    end: &FunctionEnd,
) -> Result<Wanted<'a>, PluginError> {
    let pool = end.members.find(&end.pool, sysfs);
    let pool = pool.map_err(FunctionError::from)?;
    let own = (end.node.clone(), end.interface.clone());
    let source = match &end.peer {
        None => Source::Pool(pool),
        Some(peer) => Source::Wire {
            pool,
            topology: end.topology.clone(),
            ends: [own, peer.clone()],
        },
    };
    let attributes = end.options.attributes(end.peer.is_some());
    let attributes = attributes.map_err(|(key, reason)| FunctionError::Link {
        interface: end.interface.clone(),
        pod: end.node.to_string(),
        reason: format!("{key}: {reason}"),
    })?;
    Ok(Wanted {
        owner: &attachment.name,
        holder: format!(
            "`{}` of node {} of topology {}",
            end.interface, end.node, end.topology
        ),
        netns: attachment.netns.clone(),
        interface: end.interface.clone(),
        altname: end.altname.clone(),
        mac: Some(end.mac),
        mtu: Some(end.mtu),
        source,
        runner: Runner::Caller,
        options: end.options.clone(),
        attributes,
        tuning: end.tuning.clone(),
        strict: false,
    })
}

/// Detaches an end; what is gone already is no error. Goes on after errors and returns them all.
pub fn detach(state: &State, name: &AttachmentName) -> Vec<PluginError> {
    let attachment = state.read(name).unwrap_or_else(|error| {
        tracing::warn!(error = chain(&error), "detaching by name");
        None
    });
    if let Some(attachment) = attachment {
        return detach_attachment(state, &attachment, None);
    }
    let mut errors = restore::give_back(state, name);
    // Of one that was killed while it wrote, the unfinished file.
    errors.extend(state.forget(name).err().map(PluginError::from));
    errors
}

/// The names of all ends of a topology that are attached, or were to be.
///
/// # Errors
/// [`PluginError`], if the state cannot be listed.
pub fn attached(
    state: &State,
    topology: &TopologyName,
) -> Result<Vec<AttachmentName>, PluginError> {
    let network = network(topology);
    // Attachments that cannot be read are reported by whoever collects garbage; what they hold is known without them.
    let (attachments, _) = state.list()?;
    let names = attachments.into_iter().map(|attachment| attachment.name);
    let mut names: Vec<AttachmentName> = names.filter(|name| name.network == network).collect();
    for holding in state.holdings()? {
        if holding.owner.network == network && !names.contains(&holding.owner) {
            names.push(holding.owner);
        }
    }
    Ok(names)
}

/// Removes what calls that were killed left besides: locks of physical functions, and files that were being written.
///
/// # Errors
/// [`PluginError`].
pub fn tidy(state: &State) -> Result<(), PluginError> {
    Ok(state.tidy_physical()?)
}

/// What an end holds, if its virtual function still has the driver, the attributes and the tuning that it was given. Its interface is
/// the caller's to look at.
///
/// # Errors
/// [`PluginError`], if that cannot be told.
pub fn intact(state: &State, end: &FunctionEnd) -> Result<Option<Holding>, PluginError> {
    let holding = state.holdings_of(&end.name())?.into_iter().next();
    let Some(holding) = holding else {
        return Ok(None);
    };
    match check::check_told(&Sysfs::default(), &holding) {
        Ok(()) => Ok(Some(holding)),
        Err(PluginError::Difference(difference)) => {
            tracing::info!(%difference, "changed by somebody else");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
