//! Main-plugin mode: the interface that a runtime asks for, a veth whose peer is in the host's namespace.
//!
//! Traffic is routed: the host's end has the gateway's address by itself, the container sends everything through it,
//! and the host has a route to each of the container's addresses. No bridge, no names to choose.

use std::net::Ipv6Addr;
use std::path::Path;

use crate::cni::delegate::Delegate;
use crate::cni::ipam::{Call, Ipam};
use crate::cni::result::{Dns, Interface, Outcome};
use pinwire_wiring::fault::step;
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::kernel::sysctl::SysctlKey;
use pinwire_wiring::ledger::{AttachmentName, NetnsRecord, State};
use pinwire_wiring::observe;
use pinwire_wiring::observe::ObservedRoute;
use pinwire_wiring::setting::{self, Setting};
use pinwire_wiring::wire;
use pinwire_wiring::wire::{Sockets, WireEnd};
use record::{Attachment, Kind};

mod error;
pub mod masquerade;
mod plan;
pub mod record;
mod request;
pub mod vf;

pub use error::AttachError;
pub use plan::Plan;
pub(crate) use plan::{HOST_GROUP, altname, free_metric, give_way, host_end};
pub use request::{Addressing, Request};

/// Attaches an interface. A failure leaves nothing behind, and an interface that is there already is left as it was.
///
/// # Errors
/// The first [`AttachError`].
pub fn attach(state: &State, request: Request) -> Result<Outcome, AttachError> {
    let container = crate::cni::container::open_free(&request.netns, [&request.name.interface])?;
    let mut attachment = Attachment {
        name: request.name.clone(),
        netns: NetnsRecord::of(&request.netns, &container.netns),
        kind: Kind::Interface {
            plan: Plan::new(&request),
            delegate: request.recorded_delegate()?,
        },
    };
    let mut sockets = Sockets::default();
    sockets.keep(request.netns.clone(), container);
    state.record(
        &mut attachment,
        |attachment| build(state, attachment, &request, &mut sockets),
        |attachment| detach(state, attachment, None),
    )
}

fn build(
    state: &State,
    attachment: &mut Attachment,
    request: &Request,
    sockets: &mut Sockets,
) -> Result<Outcome, AttachError> {
    let Kind::Interface { plan, .. } = &mut attachment.kind else {
        return Ok(Outcome::default());
    };
    let [inside, outside] = plan.wire.ends.clone();
    let reserved = reserve(request, || connect(plan, sockets))?;
    plan.address(&reserved.ips, &reserved.routes);
    give_way(
        &mut plan.routes,
        &routes_there(sockets.of(&inside)?, request)?,
    );
    step();
    let mut plan = plan.clone();
    state.write(attachment)?;
    step();
    setting::apply_by(sockets.of(&outside)?, &plan.outside())?;
    step();
    setting::apply_by(sockets.of(&inside)?, &plan.inside())?;
    if plan.has_v6() {
        settle(sockets.of(&outside)?, &outside, |_| true)?;
        // A container's link-local address may be a second in coming.
        let counts = |address: &Ipv6Addr| !address.is_unicast_link_local();
        settle(sockets.of(&inside)?, &inside, counts)?;
    }
    step();
    if request.masquerade {
        masquerade(state, attachment, &mut plan)?;
    }
    Ok(outcome(&plan, request, reserved.dns))
}

/// Masquerades what the container sends, after that was written down.
fn masquerade(
    state: &State,
    attachment: &mut Attachment,
    plan: &mut Plan,
) -> Result<(), AttachError> {
    plan.masquerade = true;
    if let Kind::Interface { plan: recorded, .. } = &mut attachment.kind {
        recorded.clone_from(plan);
    }
    state.write(attachment)?;
    step();
    masquerade::add(&plan.container_addresses())?;
    step();
    Ok(())
}

/// Makes the wire and brings it up.
fn connect(plan: &Plan, sockets: &mut Sockets) -> Result<(), AttachError> {
    wire::create_all_by(sockets, std::slice::from_ref(&plan.wire))?;
    step();
    let [inside, outside] = &plan.wire.ends;
    let up = |end: &WireEnd| Setting::LinkUp {
        interface: end.interface.clone(),
    };
    setting::apply_by(sockets.of(outside)?, &[without_dad(outside), up(outside)])?;
    setting::apply_by(sockets.of(inside)?, &[up(inside)])?;
    step();
    Ok(())
}

/// The host's link-local address, without which the host asks for no neighbour behind its end (`ndisc_solicit`,
/// net/ipv6/ndisc.c), needs no second for duplicate address detection, as nobody else can have it: before the end is up.
fn without_dad(end: &WireEnd) -> Setting {
    let name = end.interface.as_str();
    Setting::Sysctl {
        key: SysctlKey::from_parts(&["net", "ipv6", "conf", name, "accept_dad"]),
        value: "0".into(),
        if_present: true,
    }
}

/// Waits until an end is in operation and those of its IPv6 addresses that count are usable: workers of the kernel see to both,
/// and until then the end answers nobody who asks for a neighbour, who waits a second before asking again.
fn settle(
    inside: &mut Inside,
    end: &WireEnd,
    counts: impl Fn(&Ipv6Addr) -> bool,
) -> Result<(), AttachError> {
    let settled = setting::settle_link(&mut inside.socket, end.interface.as_str(), counts);
    settled.map_err(|source| AttachError::Settle {
        end: Box::new(end.clone()),
        source,
    })
}

/// The addresses of a request: those that are given or that the IPAM plugin reserves, which goes on while `connect` works if
/// that may be.
fn reserve(
    request: &Request,
    connect: impl FnOnce() -> Result<(), AttachError>,
) -> Result<Outcome, AttachError> {
    let delegate = match &request.addressing {
        Addressing::Given { addresses, routes } => {
            connect()?;
            return Ok(Outcome {
                ips: addresses.clone(),
                routes: routes.clone(),
                ..Outcome::default()
            });
        }
        Addressing::Delegated(delegate) => delegate,
    };
    let ipam = ipam(delegate);
    let call = call(&request.name, Some(&request.netns), delegate);
    if !ipam.is_independent() {
        connect()?;
        return Ok(ipam.add(call)?.finish()?);
    }
    let reservation = ipam.add(call)?;
    let connected = connect();
    let reserved = reservation.finish();
    connected?;
    Ok(reserved?)
}

/// The routes that a container has before it is told its own.
fn routes_there(
    container: &mut Inside,
    request: &Request,
) -> Result<Vec<ObservedRoute>, AttachError> {
    observe::routes(&mut container.socket).map_err(|source| AttachError::Observe {
        netns: request.netns.clone(),
        source,
    })
}

fn outcome(plan: &Plan, request: &Request, reserved: Dns) -> Outcome {
    let sandbox = request.netns.display().to_string();
    let interface = |end: &WireEnd, sandbox| Interface {
        name: end.interface.to_string(),
        mac: Some(end.mac.to_string()),
        mtu: Some(plan.wire.mtu),
        sandbox,
        pci_id: None,
    };
    let [inside, outside] = &plan.wire.ends;
    // The position of the container's interface below.
    let ips = plan.addresses.iter().map(|address| address.clone().of(1));
    Outcome {
        interfaces: vec![interface(outside, None), interface(inside, Some(sandbox))],
        ips: ips.collect(),
        routes: plan.routes.clone(),
        dns: request.dns_or(reserved),
    }
}

/// Detaches an interface that was written down; what is gone already is no error. `current` is the IPAM plugin and the
/// namespace by the runtime's call, which come before what was written down. Goes on after errors, and forgets the
/// attachment only if there were none.
pub(crate) fn detach(
    state: &State,
    attachment: &Attachment,
    current: Option<(&Delegate, Option<&Path>)>,
) -> Vec<AttachError> {
    let Kind::Interface { plan, delegate } = &attachment.kind else {
        return vf::detach(state, attachment, current);
    };
    let released = release_leases(attachment, delegate.as_ref(), current);
    let mut errors: Vec<AttachError> = released.err().into_iter().collect();
    step();
    if plan.masquerade {
        errors.extend(
            masquerade::remove(&plan.container_addresses())
                .err()
                .map(Into::into),
        );
        step();
    }
    let [_, outside] = &plan.wire.ends;
    errors.extend(delete_host_end(outside));
    step();
    forget(state, attachment, errors)
}

/// Forgets an attachment of which nothing is left, which is so where nothing failed. All errors.
pub(crate) fn forget(
    state: &State,
    attachment: &Attachment,
    mut errors: Vec<AttachError>,
) -> Vec<AttachError> {
    if errors.is_empty() {
        errors.extend(state.forget(&attachment.name).err().map(Into::into));
        step();
    }
    errors
}

/// Removes what there may be of an attachment of which nothing is written down: all of it follows from the name.
pub(crate) fn detach_by_name(state: &State, name: &AttachmentName) -> Vec<AttachError> {
    let mut errors = delete_host_end(&host_end(name));
    errors.extend(state.forget(name).err().map(Into::into));
    errors
}

/// Gives the addresses back, by the runtime's configuration or, if the IPAM plugin does not take that any more, by the
/// one that was written down.
fn release_leases(
    attachment: &Attachment,
    recorded: Option<&Delegate>,
    current: Option<(&Delegate, Option<&Path>)>,
) -> Result<(), AttachError> {
    let netns = attachment.netns.open();
    let netns = netns.map(|_| attachment.netns.path.as_path());
    let recorded = recorded.map(|delegate| (delegate, netns));
    let release = |(delegate, netns)| release(&attachment.name, delegate, netns);
    match (current, recorded) {
        (Some(current), Some(recorded)) => {
            release(current).or_else(|error| release(recorded).map_err(|_| error))
        }
        (one, other) => one.or(other).map_or(Ok(()), release),
    }
}

/// Gives the addresses of an attachment back.
pub(crate) fn release(
    name: &AttachmentName,
    delegate: &Delegate,
    netns: Option<&Path>,
) -> Result<(), AttachError> {
    Ok(ipam(delegate).del(call(name, netns, delegate))?)
}

/// Deletes the host's end of an attachment, and the container's with it.
fn delete_host_end(end: &WireEnd) -> Vec<AttachError> {
    let host = match Netns::current() {
        Ok(host) => host,
        Err(error) => return vec![error.into()],
    };
    let errors = wire::delete_ends(&host, &[(HOST_GROUP, end.clone())]);
    errors.into_iter().map(Into::into).collect()
}

/// The IPAM plugin of a delegate.
pub(crate) fn ipam(delegate: &Delegate) -> Ipam<'_> {
    Ipam {
        kind: &delegate.kind,
        path: &delegate.path,
        text: delegate.configuration.as_bytes(),
    }
}

/// The call for an attachment.
pub(crate) fn call<'a>(
    name: &'a AttachmentName,
    netns: Option<&'a Path>,
    delegate: &'a Delegate,
) -> Call<'a> {
    Call {
        container: name.container.as_str(),
        netns,
        interface: name.interface.as_str(),
        arguments: &delegate.arguments,
    }
}
