//! What exists of a deployment on this host, in the form that plans are compared with. Reads only.

use std::collections::{HashMap, HashSet};

use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::kernel::netns::{Netns, NetnsError};
use pinwire_wiring::ledger::StateError;
use pinwire_wiring::name::{InterfaceName, MacAddress, NodeName};
use pinwire_wiring::observe::Observation;
use pinwire_wiring::setting::Setting;
use pinwire_wiring::wire::{Place, WireEnd};
use pinwire_wiring::{observe, setting, wire};

use super::{parallel, process, vf};
use crate::change::{Observed, ObservedNode};
use crate::error::chain;
use crate::paths::TopologyPaths;
use crate::plan::{Deployment, NodePlan};

/// Why the host could not be looked at.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ObserveError {
    /// A network namespace cannot be opened.
    #[error("cannot look at {place}")]
    Open { place: String, source: NetnsError },
    /// Nobody knows which virtual functions are whose.
    #[error("cannot tell which virtual functions the topology has")]
    Vfs(#[source] StateError),
    /// The kernel does not say what is in a network namespace.
    #[error("cannot look at {place}")]
    Read { place: String, source: NetlinkError },
}

/// The ends of a deployment's links by their alternative names.
type Ends<'a> = HashMap<&'a str, ExpectedEnd<'a>>;

/// What an interface should be.
#[derive(Clone, Copy)]
struct ExpectedEnd<'a> {
    name: &'a InterfaceName,
    mac: MacAddress,
    mtu: u32,
    on_host: bool,
    vf: Option<&'a VfEnd>,
    wire: Option<&'a WireEnd>,
}

impl<'a> ExpectedEnd<'a> {
    fn of_wire(end: &'a WireEnd, mtu: u32) -> Self {
        Self {
            name: &end.interface,
            mac: end.mac,
            mtu,
            on_host: end.place == Place::Host,
            vf: None,
            wire: Some(end),
        }
    }

    fn of_vf(end: &'a VfEnd) -> Self {
        Self {
            name: &end.interface,
            mac: end.mac,
            mtu: end.mtu,
            on_host: false,
            vf: Some(end),
            wire: None,
        }
    }
}

/// Looks at every node of a deployment, and at the host's ends of its wires. Where two wires claim one end, as in the
/// union of two deployments, the later one counts, which there is the older.
///
/// # Errors
/// [`ObserveError`] where a namespace is there and cannot be read.
pub fn observe(deployment: &Deployment, paths: &TopologyPaths) -> Result<Observed, ObserveError> {
    let ends: Ends<'_> = deployment
        .wires
        .iter()
        .flat_map(|wire| {
            wire.ends
                .iter()
                .map(|end| (end.altname.as_str(), ExpectedEnd::of_wire(end, wire.mtu)))
        })
        .chain(
            deployment
                .functions
                .iter()
                .map(|end| (end.altname.as_str(), ExpectedEnd::of_vf(end))),
        )
        .collect();
    let nodes = parallel::map(&deployment.nodes, |node| {
        Ok(observe_node(node, &ends, paths)?.map(|seen| (node.name.clone(), seen)))
    });
    let nodes: HashMap<NodeName, ObservedNode> = nodes
        .into_iter()
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    let mut host = ObservedNode::default();
    if ends.values().any(|end| end.on_host) {
        let found = look_at_host()?;
        host.altnames = intact(&found, &ends, paths);
        host.is_configured = is_configured(&found, &deployment.host);
    }
    Ok(Observed { nodes, host })
}

/// What the network namespace of a node holds; `None` where it is gone.
///
/// # Errors
/// [`ObserveError`] where it is there and cannot be read.
pub fn look_at(node: &NodePlan) -> Result<Option<Observation>, ObserveError> {
    let place = format!("node `{}`", node.name);
    match Netns::open(&node.netns) {
        Ok(netns) => look(&netns, place).map(Some),
        Err(NetnsError::NotANamespace { .. }) => Ok(None),
        Err(NetnsError::Open { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(source) => Err(ObserveError::Open { place, source }),
    }
}

/// What the network namespace of this host holds.
///
/// # Errors
/// [`ObserveError`].
pub fn look_at_host() -> Result<Observation, ObserveError> {
    let place = "the host".to_owned();
    match Netns::current() {
        Ok(netns) => look(&netns, place),
        Err(source) => Err(ObserveError::Open { place, source }),
    }
}

fn look(netns: &Netns, place: String) -> Result<Observation, ObserveError> {
    observe::observe(netns).map_err(|source| ObserveError::Read { place, source })
}

fn observe_node(
    node: &NodePlan,
    ends: &Ends<'_>,
    paths: &TopologyPaths,
) -> Result<Option<ObservedNode>, ObserveError> {
    let Some(found) = look_at(node)? else {
        return Ok(None);
    };
    let running = node
        .containers
        .iter()
        .filter(|container| process::running(paths, &container.id).is_some())
        .map(|container| container.id.clone())
        .collect();
    let mut altnames = intact(&found, ends, paths);
    altnames.extend(driven(node, ends, paths));
    Ok(Some(ObservedNode {
        altnames,
        running,
        is_configured: is_configured(&found, &node.settings),
    }))
}

/// The alternative names of the links that are what they should be.
fn intact(found: &Observation, ends: &Ends<'_>, paths: &TopologyPaths) -> HashSet<String> {
    let ours = found.links.iter().filter_map(|link| {
        link.altnames.iter().find(|altname| {
            ends.get(altname.as_str()).is_some_and(|end| {
                let same = link.name == end.name.as_str()
                    && link.mac == Some(end.mac)
                    && link.mtu == end.mtu;
                same && end.vf.is_none_or(|end| vf::is_intact(paths, end))
                    && end.wire.is_none_or(is_tuned)
            })
        })
    });
    ours.cloned().collect()
}

/// The alternative names that the links of a node would have which its containers drive, of those that are what they
/// should be.
fn driven(node: &NodePlan, ends: &Ends<'_>, paths: &TopologyPaths) -> Vec<String> {
    let vfs = ends.values().filter_map(|end| end.vf);
    let driven = vfs.filter(|end| end.options.driver.is_some() && end.netns == node.netns);
    driven
        .filter(|end| vf::is_intact(paths, end))
        .map(|end| end.altname.clone())
        .collect()
}

/// Whether the end of a wire is still tuned as it was. What cannot be seen counts as no: it is made anew then.
fn is_tuned(end: &WireEnd) -> bool {
    match wire::detuned(end) {
        Ok(mismatch) => mismatch.is_none(),
        Err(error) => {
            tracing::warn!(error = chain(&error), %end, "tuning");
            false
        }
    }
}

/// Whether all settings that were applied to a namespace still stand, as far as one look shows.
fn is_configured(found: &Observation, settings: &[Setting]) -> bool {
    setting::missing(found, settings).next().is_none()
}
