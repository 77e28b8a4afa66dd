//! CHECK: whether what was attached is still there and as it was. Observes, compares, changes nothing.

use std::path::Path;

use crate::attach;
use crate::attach::Plan;
use crate::attach::record::Kind;
use crate::attach::vf::VfPlan;
use crate::cni::delegate::Delegate;
use crate::cni::result::Outcome;
use crate::topology::pod::Pod;
use crate::topology::rendezvous::expected;
use crate::{attach::record::Attachment, topology};
use pinwire_wiring::allocation;
use pinwire_wiring::annotation::Peer;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::{NetnsRecord, State};
use pinwire_wiring::observe::{Observation, observe};
use pinwire_wiring::setting::{self, Setting};
use pinwire_wiring::wire::{self, Expected, Place, WireEnd, check_end};

mod difference;
mod error;

pub use difference::Difference;
pub use error::CheckError;

/// Checks an attached interface against what was written down and what `prevResult` says. `delegate` is the IPAM plugin by the
/// configuration of the call.
///
/// # Errors
/// The first difference, or what kept it from being looked for.
pub(crate) fn attached(
    state: &State,
    attachment: &Attachment,
    netns: &Path,
    previous: &Outcome,
    delegate: Option<&Delegate>,
) -> Result<(), CheckError> {
    let [found, host] = observe_both(&attachment.netns, netns)?;
    match &attachment.kind {
        Kind::Interface { plan, .. } => check_interface(plan, previous, &found, &host)?,
        Kind::Function { plan, .. } => check_vf(state, attachment, plan, &found)?,
    }
    check_leases(attachment, netns, delegate)
}

/// Checks a node of a topology against its annotations and who else is there.
///
/// # Errors
/// As [`attached`].
pub(crate) fn joined(
    state: &State,
    attachment: &topology::record::Attachment,
    netns: &Path,
) -> Result<(), CheckError> {
    let [found, host] = observe_both(&attachment.netns, netns)?;
    check_node(state, attachment, attachment.kind.pod(), &found, &host)
}

/// What is in the container's namespace, which must be the one that was written down, and in the host's.
fn observe_both(recorded: &NetnsRecord, path: &Path) -> Result<[Observation; 2], CheckError> {
    let inside = crate::cni::container::open(path)?;
    if inside.id() != recorded.id {
        let netns = path.display().to_string();
        return Err(Difference::Namespace { netns }.into());
    }
    let host = Path::new("the host's network namespace");
    Ok([look(&inside, path)?, look(&Netns::current()?, host)?])
}

/// Has the IPAM plugin check.
fn check_leases(
    attachment: &Attachment,
    netns: &Path,
    delegate: Option<&Delegate>,
) -> Result<(), CheckError> {
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
) -> Result<(), CheckError> {
    let place = Place::Netns(attachment.netns.path.clone());
    for holding in allocation::check::check(state, &attachment.name, &place, found)? {
        if let Some(end) = holding.end(place.clone()) {
            check_settings(found, &end, &plan.settings(&end.interface))?;
        }
    }
    Ok(())
}

fn look(netns: &Netns, path: &Path) -> Result<Observation, CheckError> {
    observe(netns).map_err(|source| CheckError::Observe {
        netns: path.to_owned(),
        source,
    })
}

fn check_interface(
    plan: &Plan,
    previous: &Outcome,
    found: &Observation,
    host: &Observation,
) -> Result<(), CheckError> {
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
    check_settings(found, inside, &plan.inside())?;
    check_tuning(inside)?;
    let expected = Expected {
        mac: outside.mac,
        mtu: plan.wire.mtu,
    };
    check_end(host, outside, expected, true)?;
    Ok(check_settings(host, outside, &plan.outside())?)
}

fn check_node(
    state: &State,
    attachment: &topology::record::Attachment,
    pod: &Pod,
    found: &Observation,
    host: &Observation,
) -> Result<(), CheckError> {
    let place = Place::Netns(attachment.netns.path.clone());
    allocation::check::check(state, &attachment.name, &place, found)?;
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
        .chain(pod.vfs())
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

/// Checks what an end of a veth pair was tuned to.
fn check_tuning(end: &WireEnd) -> Result<(), CheckError> {
    match wire::detuned(end)? {
        None => Ok(()),
        Some(mismatch) => Err(Difference::Tuning {
            what: end.to_string(),
            mismatch,
        }
        .into()),
    }
}

/// Checks that the settings of an end stand.
fn check_settings(
    found: &Observation,
    end: &WireEnd,
    settings: &[Setting],
) -> Result<(), Difference> {
    match setting::missing(found, settings).next() {
        None => Ok(()),
        Some(setting) => Err(Difference::Lost {
            end: Box::new(end.clone()),
            setting: Box::new(setting.clone()),
        }),
    }
}
