//! The virtual functions of a node's links. ADD waits for nobody here either: each pod attaches its own ends, and whoever
//! comes first chooses both virtual functions and the VLAN of a wire.

use super::pod::Pod;
use crate::attach::vf::interface;
use crate::cni::configuration::VfConfiguration;
use crate::cni::result::Interface;
use crate::topology::record::Attachment;
use pinwire_wiring::allocation;
use pinwire_wiring::allocation::end::{Claim, VfEnd};
use pinwire_wiring::allocation::{AllocationError, Runner};
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::annotation::{Link, LinkType, Peer};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::State;
use pinwire_wiring::machine::Sysfs;
use pinwire_wiring::wire::Place;

/// Attaches the virtual functions of a node, and returns their interfaces.
pub(crate) fn attach(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    netns: &Netns,
    configuration: &VfConfiguration,
) -> Result<Vec<Interface>, AllocationError> {
    let sysfs = Sysfs::default();
    let path = &attachment.netns.path;
    let vfs = pod.vfs().map(|link| {
        let end = end(attachment, pod, link, configuration)?;
        let claim = Claim {
            owner: &attachment.name,
            holder: format!("`{}` of pod {}", link.interface, pod.name),
            netns: attachment.netns.clone(),
            runner: Runner::Runtime,
            strict: configuration.strict,
        };
        let wanted = end.wanted(&sysfs, claim)?;
        let (holding, device) = allocation::take(state, &sysfs, &wanted, netns)?;
        let name = link.interface.as_str();
        Ok(interface(&holding, name, device.as_ref(), path))
    });
    vfs.collect()
}

/// The end of a link that is a virtual function.
fn end(
    attachment: &Attachment,
    pod: &Pod,
    link: &Link,
    configuration: &VfConfiguration,
) -> Result<VfEnd, AllocationError> {
    let function = pod.function(link, &configuration.pools);
    let (options, members) = function.map_err(|error| AllocationError::Link {
        interface: link.interface.clone(),
        pod: pod.name.clone(),
        reason: error.to_string(),
    })?;
    let path = attachment.netns.path.clone();
    let end = pod.ends(Place::Netns(path.clone()))(link);
    Ok(VfEnd {
        topology: pod.topology.clone(),
        node: pod.node.clone(),
        interface: link.interface.clone(),
        peer: match &link.peer {
            Some(Peer::Node { node, interface }) => Some((node.clone(), interface.clone())),
            _ => None,
        },
        netns: path,
        mac: end.mac,
        mtu: default::mtu(link),
        altname: end.altname,
        members: members.clone(),
        pool: options.pool.clone().unwrap_or_default(),
        options,
        tuning: *end.tuning,
    })
}

impl Pod {
    /// The links that are virtual functions.
    pub(crate) fn vfs(&self) -> impl Iterator<Item = &Link> {
        let links = self.links.iter();
        links.filter(|link| link.kind == LinkType::Vf)
    }

    /// Whether the pod has virtual functions.
    pub(crate) fn has_vfs(&self) -> bool {
        self.vfs().next().is_some()
    }
}
