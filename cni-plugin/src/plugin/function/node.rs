//! The virtual functions of a node's links. ADD waits for nobody here either: each pod attaches its own ends, and whoever
//! comes first chooses both virtual functions and the VLAN of a wire.

use super::choice::Source;
use super::error::FunctionError;
use super::near::Runner;
use super::take::{Wanted, take};
use super::{enter, interface, tune};
use crate::links::{Link, LinkType, Peer};
use crate::netns::Netns;
use crate::plugin::configuration::FunctionConfiguration;
use crate::plugin::error::PluginError;
use crate::plugin::fault::step;
use crate::plugin::pod::Pod;
use crate::plugin::result::Interface;
use crate::plugin::state::{Attachment, State};
use crate::rule::default;
use crate::vf::Sysfs;
use crate::wire::Place;

/// Attaches the virtual functions of a node, and returns their interfaces.
pub(crate) fn attach(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    netns: &Netns,
    configuration: &FunctionConfiguration,
) -> Result<Vec<Interface>, PluginError> {
    let sysfs = Sysfs::default();
    let mut interfaces = Vec::new();
    for link in pod.functions() {
        let wanted = wanted(&sysfs, attachment, pod, link, configuration)?;
        let (mut holding, _) = take(state, &sysfs, &wanted)?;
        step();
        let device = enter::enter(&holding, netns)?;
        step();
        tune::settle(state, &sysfs, &mut holding, netns, device.as_ref())?;
        interfaces.push(interface(
            &holding,
            link.interface.as_str(),
            device.as_ref(),
            &attachment.netns.path,
        ));
    }
    Ok(interfaces)
}

fn wanted<'a>(
    sysfs: &Sysfs,
    attachment: &'a Attachment,
    pod: &Pod,
    link: &Link,
    configuration: &FunctionConfiguration,
) -> Result<Wanted<'a>, FunctionError> {
    let wrong = |reason| FunctionError::Link {
        interface: link.interface.clone(),
        pod: pod.name.clone(),
        reason,
    };
    let (options, pool) = pod
        .function(link, &configuration.pools)
        .map_err(|error| wrong(error.to_string()))?;
    let pool = pool.find(options.pool.as_deref().unwrap_or_default(), sysfs)?;
    let source = match &link.peer {
        Some(Peer::Node { node, interface }) => Source::Wire {
            pool,
            topology: pod.topology.clone(),
            ends: [
                (pod.node.clone(), link.interface.clone()),
                (node.clone(), interface.clone()),
            ],
        },
        _ => Source::Pool(pool),
    };
    let end = pod.ends(Place::Netns(attachment.netns.path.clone()))(link);
    let attributes = options
        .attributes(link.peer.is_some())
        .map_err(|(key, reason)| wrong(format!("{key}: {reason}")))?;
    Ok(Wanted {
        owner: &attachment.name,
        holder: format!("`{}` of pod {}", link.interface, pod.name),
        netns: attachment.netns.clone(),
        interface: link.interface.clone(),
        altname: end.altname,
        mac: Some(end.mac),
        mtu: Some(default::mtu(link)),
        source,
        runner: Runner::Runtime,
        options,
        attributes,
        tuning: link.tuning.clone().unwrap_or_default(),
        strict: configuration.strict,
    })
}

impl Pod {
    /// The links that are virtual functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Link> {
        let links = self.links.iter();
        links.filter(|link| link.kind == LinkType::Vf)
    }

    /// Whether the pod has virtual functions.
    pub(crate) fn has_functions(&self) -> bool {
        self.functions().next().is_some()
    }
}
