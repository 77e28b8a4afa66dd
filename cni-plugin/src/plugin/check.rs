//! CHECK: whether what was attached is still there and as it was. Observes, compares, changes nothing.

use std::path::Path;

use super::attach::{self, EndPlan, Plan};
use super::error::PluginError;
use super::function::{self, FunctionPlan};
use super::pod::Pod;
use super::rendezvous::expected;
use super::result::Outcome;
use super::state::{Attachment, Delegate, Kind, State};
use crate::links::Peer;
use crate::name::MacAddress;
use crate::netns::Netns;
use crate::observe::{Observation, ObservedLink, observe};
use crate::rule::default;
use crate::setting;
use crate::wire::{self, Place, WireEnd};

mod difference;

pub use difference::Difference;

/// Checks an attachment against what was written down and what `prevResult` says. `delegate` is the IPAM plugin by the
/// configuration of the call.
///
/// # Errors
/// The first difference, or what kept it from being looked for.
pub(crate) fn check(
    state: &State,
    attachment: &Attachment,
    netns: &Path,
    previous: &Outcome,
    delegate: Option<&Delegate>,
) -> Result<(), PluginError> {
    let inside = super::open(netns)?;
    if inside.id() != attachment.netns.id {
        let netns = netns.display().to_string();
        return Err(Difference::Namespace { netns }.into());
    }
    let found = look(&inside, netns)?;
    let host = look(
        &Netns::current()?,
        Path::new("the host's network namespace"),
    )?;
    match &attachment.kind {
        Kind::Interface { plan, .. } => {
            check_interface(plan, previous, &found, &host)?;
            check_leases(attachment, netns, delegate)
        }
        Kind::Function { plan, .. } => {
            check_function(state, attachment, plan, &found)?;
            check_leases(attachment, netns, delegate)
        }
        Kind::Node(pod) => check_node(state, attachment, pod, &found, &host),
    }
}

/// Has the IPAM plugin check.
fn check_leases(
    attachment: &Attachment,
    netns: &Path,
    delegate: Option<&Delegate>,
) -> Result<(), PluginError> {
    let Some(delegate) = delegate else {
        return Ok(());
    };
    let call = attach::call(&attachment.name, Some(netns), delegate);
    Ok(attach::ipam(delegate).check(call)?)
}

/// Checks a virtual function, and the addresses and routes of its interface.
fn check_function(
    state: &State,
    attachment: &Attachment,
    plan: &FunctionPlan,
    found: &Observation,
) -> Result<(), PluginError> {
    let place = Place::Netns(attachment.netns.path.clone());
    for holding in function::check::check(state, &attachment.name, &place, found)? {
        let Some(end) = holding.end(place.clone()) else {
            continue;
        };
        if let Some(link) = found.link(&end.altname) {
            check_told(found, link, &end, &plan.end())?;
        }
    }
    Ok(())
}

fn look(netns: &Netns, path: &Path) -> Result<Observation, PluginError> {
    observe(netns).map_err(|source| PluginError::Observe {
        netns: path.to_owned(),
        source,
    })
}

fn check_interface(
    plan: &Plan,
    previous: &Outcome,
    found: &Observation,
    host: &Observation,
) -> Result<(), PluginError> {
    let [inside, outside] = &plan.wire.ends;
    let named = |interface: &&super::result::Interface| {
        interface.name == inside.interface.as_str()
            && interface
                .sandbox
                .as_deref()
                .is_some_and(|sandbox| !sandbox.is_empty())
    };
    let Some(reported) = previous.interfaces.iter().find(named) else {
        let end = Box::new(inside.clone());
        return Err(Difference::Result { end }.into());
    };
    // A plugin further down the chain may have changed both, and says so in the result.
    let expected = Expected {
        mac: reported
            .mac
            .as_ref()
            .and_then(|mac| mac.parse().ok())
            .unwrap_or(inside.mac),
        mtu: reported.mtu.unwrap_or(plan.wire.mtu),
    };
    let link = check_end(found, inside, expected, true)?;
    check_told(found, link, inside, &plan.inside())?;
    check_tuning(inside)?;
    let expected = Expected {
        mac: outside.mac,
        mtu: plan.wire.mtu,
    };
    let link = check_end(host, outside, expected, true)?;
    Ok(check_told(host, link, outside, &plan.outside())?)
}

fn check_node(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    found: &Observation,
    host: &Observation,
) -> Result<(), PluginError> {
    let place = Place::Netns(attachment.netns.path.clone());
    function::check::check(state, &attachment.name, &place, found)?;
    let links = expected::links(state, pod)?;
    let end_of = pod.ends(place.clone());
    for (link, peer) in &links {
        let end = end_of(link);
        let expected = |end: &WireEnd| Expected {
            mac: end.mac,
            mtu: default::mtu(link),
        };
        check_end(found, &end, expected(&end), true)?;
        check_tuning(&end)?;
        if let Peer::Host(interface) = peer {
            // An administrator may well put the host's end into a bridge.
            let end = pod.host_end(interface);
            check_end(host, &end, expected(&end), false)?;
        }
    }
    let existing = links
        .iter()
        .map(|(link, _)| *link)
        .chain(pod.functions())
        .map(|link| link.interface.clone())
        .collect();
    let settings = expected::settings(pod, &existing);
    let host_settings = setting::host_settings(&pod.links);
    let mut missing =
        setting::missing(found, &settings).chain(setting::missing(host, &host_settings));
    match missing.next() {
        None => Ok(()),
        Some(setting) => Err(Difference::Setting {
            pod: Box::new(pod.clone()),
            setting: Box::new(setting.clone()),
        }
        .into()),
    }
}

/// What an end should have.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) mac: MacAddress,
    pub(super) mtu: u32,
}

/// Checks one end, and finds its link. `free` says that it must not be part of a bridge or the like.
pub(super) fn check_end<'a>(
    found: &'a Observation,
    end: &WireEnd,
    expected: Expected,
    free: bool,
) -> Result<&'a ObservedLink, Difference> {
    let boxed = || Box::new(end.clone());
    let Some(link) = found.link(&end.altname) else {
        return Err(match found.link(end.interface.as_str()) {
            Some(_) => Difference::Replaced { end: boxed() },
            None => Difference::Gone { end: boxed() },
        });
    };
    let difference = if link.name != end.interface.as_str() {
        let name = link.name.clone();
        Difference::Renamed { end: boxed(), name }
    } else if link.mac != Some(expected.mac) {
        Difference::Mac {
            end: boxed(),
            expected: expected.mac,
            found: link.mac,
        }
    } else if link.mtu != expected.mtu {
        Difference::Mtu {
            end: boxed(),
            expected: expected.mtu,
            found: link.mtu,
        }
    } else if let Some(master) = link.master.filter(|_| free) {
        Difference::Master {
            end: boxed(),
            master,
        }
    } else if link.up {
        return Ok(link);
    } else {
        Difference::Down { end: boxed() }
    };
    Err(difference)
}

/// Checks what an end of a veth pair was tuned to.
fn check_tuning(end: &WireEnd) -> Result<(), PluginError> {
    match wire::detuned(end)? {
        None => Ok(()),
        Some(mismatch) => Err(Difference::Tuning {
            what: end.to_string(),
            mismatch,
        }
        .into()),
    }
}

/// Checks addresses and routes of an end.
fn check_told(
    found: &Observation,
    link: &ObservedLink,
    end: &WireEnd,
    plan: &EndPlan,
) -> Result<(), Difference> {
    let boxed = || Box::new(end.clone());
    for (address, _) in &plan.addresses {
        if !found.addresses_of(link).any(|other| other == *address) {
            return Err(Difference::Address {
                end: boxed(),
                address: *address,
            });
        }
    }
    for route in &plan.routes {
        let expected = route.expected();
        let mut routes = found.routes.iter();
        if !routes.any(|other| other.is(&expected, Some(link.index))) {
            return Err(Difference::Route {
                end: boxed(),
                to: route.to,
            });
        }
    }
    Ok(())
}
