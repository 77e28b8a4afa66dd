//! The end of a topology's link as an attachment of its own, for a caller that knows the whole topology (`pinwire up`):
//! what it is told beyond its name, MAC address and MTU is the caller's business. Allocation and journal are those of CNI.

use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::AllocationError;
use super::{Runner, Source, Wanted, check, restore, take};
use crate::annotation::{Pool, Tuning, VfOptions};
use crate::fault::step;
use crate::kernel::netns::Netns;
use crate::ledger::{Attachment, AttachmentName, Holding, Identifier, NetnsRecord, State};
use crate::machine::Sysfs;
use crate::name::{InterfaceName, MacAddress, NodeName, TopologyName};

/// A virtual function as the end of a topology's link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VfEnd {
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

impl VfEnd {
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

/// On whose behalf an end is attached.
pub struct Claim<'a> {
    /// The attachment.
    pub owner: &'a AttachmentName,
    /// The attachment for people.
    pub holder: String,
    /// The container's namespace.
    pub netns: NetnsRecord,
    /// Whose CPUs the container will run on.
    pub runner: Runner,
    /// Whether an attribute or a tuning that the driver does not support is an error.
    pub strict: bool,
}

impl VfEnd {
    /// What the allocation is to do for this end.
    ///
    /// # Errors
    /// [`AllocationError`], if the pool has no such physical functions, or an attribute cannot be.
    pub fn wanted<'a>(
        &self,
        sysfs: &Sysfs,
        claim: Claim<'a>,
    ) -> Result<Wanted<'a>, AllocationError> {
        let pool = self.members.find(&self.pool, sysfs)?;
        let own = (self.node.clone(), self.interface.clone());
        let source = match &self.peer {
            None => Source::Pool(pool),
            Some(peer) => Source::Wire {
                pool,
                topology: self.topology.clone(),
                ends: [own, peer.clone()],
            },
        };
        let attributes = self.options.attributes(self.peer.is_some());
        let attributes = attributes.map_err(|(key, reason)| AllocationError::Link {
            interface: self.interface.clone(),
            pod: self.node.to_string(),
            reason: format!("{key}: {reason}"),
        })?;
        Ok(Wanted {
            owner: claim.owner,
            holder: claim.holder,
            netns: claim.netns,
            interface: self.interface.clone(),
            altname: self.altname.clone(),
            mac: Some(self.mac),
            mtu: Some(self.mtu),
            source,
            runner: claim.runner,
            options: self.options.clone(),
            attributes,
            tuning: self.tuning.clone(),
            strict: claim.strict,
        })
    }
}

/// Attaches an end as an attachment of its own, of a kind that the caller chooses. Of the two ends of a wire the first chooses
/// both virtual functions and the VLAN. A failure leaves nothing behind.
///
/// # Errors
/// The first [`AllocationError`].
pub fn attach<K: Serialize>(state: &State, end: &VfEnd, kind: K) -> Result<(), AllocationError> {
    let netns = Netns::open(&end.netns)?;
    let sysfs = Sysfs::default();
    let name = end.name();
    let record = NetnsRecord::of(&end.netns, &netns);
    let claim = Claim {
        owner: &name,
        holder: format!(
            "`{}` of node {} of topology {}",
            end.interface, end.node, end.topology
        ),
        netns: record.clone(),
        runner: Runner::Caller,
        strict: false,
    };
    let wanted = end.wanted(&sysfs, claim)?;
    let mut attachment = Attachment {
        name: name.clone(),
        netns: record,
        kind,
    };
    state.record(
        &mut attachment,
        |_| take(state, &sysfs, &wanted, &netns).map(drop),
        |attachment| detach(state, &attachment.name),
    )
}

/// Detaches an end; what is gone already is no error. Goes on after errors and returns them all; what could not be given back
/// stays written down.
pub fn detach(state: &State, name: &AttachmentName) -> Vec<AllocationError> {
    step();
    let mut errors = restore::give_back(state, name);
    step();
    if errors.is_empty() {
        // Of one that was killed while it wrote, the unfinished file, too.
        errors.extend(state.forget(name).err().map(AllocationError::from));
        step();
    }
    errors
}

/// The names of all ends of a topology that are attached, or were to be.
///
/// # Errors
/// [`AllocationError`], if the state cannot be listed.
pub fn attached(
    state: &State,
    topology: &TopologyName,
) -> Result<Vec<AttachmentName>, AllocationError> {
    let network = network(topology);
    // Attachments that cannot be read are reported by whoever collects garbage; what they hold is known without them.
    let (attachments, _) = state.list::<IgnoredAny>()?;
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
/// [`AllocationError`].
pub fn tidy(state: &State) -> Result<(), AllocationError> {
    Ok(state.tidy_physical()?)
}

/// What an end holds, if its virtual function still has the driver, the attributes and the tuning that it was given. Its interface is
/// the caller's to look at.
///
/// # Errors
/// [`AllocationError`], if that cannot be told.
pub fn intact(state: &State, end: &VfEnd) -> Result<Option<Holding>, AllocationError> {
    let holding = state.holdings_of(&end.name())?.into_iter().next();
    let Some(holding) = holding else {
        return Ok(None);
    };
    match check::check_told(&Sysfs::default(), &holding) {
        Ok(()) => Ok(Some(holding)),
        Err(AllocationError::Difference(difference)) => {
            tracing::info!(%difference, "changed by somebody else");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
