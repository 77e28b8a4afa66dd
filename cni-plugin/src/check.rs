//! CHECK: whether what was attached is still there and as it was. Observes, compares, changes nothing.

use std::path::Path;

use crate::attach;
use crate::attach::Plan;
use crate::attach::vf::VfPlan;
use crate::cni::attachment::{Attachment, Kind};
use crate::cni::delegate::Delegate;
use crate::cni::error::PluginError;
use crate::cni::result::Outcome;
use crate::topology::pod::{Pod, mtu};
use crate::topology::rendezvous::expected;
use pinwire_wiring::allocation;
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::State;
use pinwire_wiring::observe::{Observation, observe};
use pinwire_wiring::setting::{self, Setting};
use pinwire_wiring::wire::{self, Expected, Place, WireEnd, check_end};

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
    let inside = crate::cni::open(netns)?;
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
            check_vf(state, attachment, plan, &found)?;
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
fn check_vf(
    state: &State,
    attachment: &Attachment,
    plan: &VfPlan,
    found: &Observation,
) -> Result<(), PluginError> {
    let place = Place::Netns(attachment.netns.path.clone());
    for holding in allocation::check::check(state, &attachment.name, &place, found)? {
        if let Some(inside) = &holding.inside {
            check_settings(found, &plan.settings(&inside.name))?;
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
    let named = |interface: &&crate::cni::result::Interface| {
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
    check_end(found, inside, expected, true)?;
    check_settings(found, &plan.inside())?;
    check_tuning(inside)?;
    let expected = Expected {
        mac: outside.mac,
        mtu: plan.wire.mtu,
    };
    check_end(host, outside, expected, true)?;
    Ok(check_settings(host, &plan.outside())?)
}

fn check_node(
    state: &State,
    attachment: &Attachment,
    pod: &Pod,
    found: &Observation,
    host: &Observation,
) -> Result<(), PluginError> {
    let place = Place::Netns(attachment.netns.path.clone());
    allocation::check::check(state, &attachment.name, &place, found)?;
    let links = expected::links(state, pod)?;
    let end_of = pod.ends(place.clone());
    for (link, peer) in &links {
        let end = end_of(link);
        let expected = |end: &WireEnd| Expected {
            mac: end.mac,
            mtu: mtu(link),
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
        .chain(pod.vfs())
        .map(|link| link.interface.clone())
        .collect();
    let settings = expected::settings(pod, &existing)?;
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

/// Checks that settings stand.
fn check_settings(found: &Observation, settings: &[Setting]) -> Result<(), Difference> {
    match setting::missing(found, settings).next() {
        None => Ok(()),
        Some(setting) => Err(Difference::Lost {
            setting: Box::new(setting.clone()),
        }),
    }
}
