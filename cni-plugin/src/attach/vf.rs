//! The interface that a runtime asks for, as a virtual function: allocated by [`pinwire_wiring::allocation`], then told addresses and
//! routes as any other.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::AttachError;
use super::plan::{by_gateway, on_link};
use super::record::{Attachment, Kind};
use super::{Request, give_way, release_leases, reserve, routes_there};
use crate::cni::ConfigurationError;
use crate::cni::configuration::VfConfiguration;
use crate::cni::delegate::Delegate;
use crate::cni::result::{Address, Dns, Interface, Outcome, ResultRoute};
use pinwire_wiring::allocation::{self, AllocationError, Runner, Source, Wanted, restore};
use pinwire_wiring::annotation::Tuning;
use pinwire_wiring::annotation::rule::default;
use pinwire_wiring::fault::step;
use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::ledger::{Holding, NetnsRecord, State};
use pinwire_wiring::machine::Sysfs;
use pinwire_wiring::name::InterfaceName;
use pinwire_wiring::setting::{self, Setting};
use pinwire_wiring::vf::Device;
use pinwire_wiring::wire::Place;

/// Addresses and routes of a virtual function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VfPlan {
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Routes; those without a next hop go by the gateway of their family, if there is one.
    pub routes: Vec<ResultRoute>,
}

impl VfPlan {
    fn of(addresses: &[Address], routes: &[ResultRoute]) -> Self {
        Self {
            addresses: addresses.to_vec(),
            routes: by_gateway(addresses, routes),
        }
    }

    /// What the container's namespace is told of the interface.
    pub(crate) fn settings(&self, end: &InterfaceName) -> Vec<Setting> {
        on_link(end, &self.addresses, &self.routes)
    }
}

/// What only a virtual function is asked for.
pub(crate) struct VfRequest<'a> {
    /// What the configuration says of it.
    pub(crate) configuration: &'a VfConfiguration,
    /// MTU, bytes; its own unless given.
    pub(crate) mtu: Option<u32>,
    /// What its interface is tuned to.
    pub(crate) tuning: Tuning,
    /// The attachment for people.
    pub(crate) holder: String,
}

/// Attaches a virtual function. A failure leaves nothing behind.
///
/// # Errors
/// The first [`AttachError`].
pub(crate) fn attach(
    state: &State,
    request: &Request,
    vf: &VfRequest<'_>,
) -> Result<Outcome, AttachError> {
    let mut container =
        crate::cni::container::open_free(&request.netns, [&request.name.interface])?;
    let sysfs = Sysfs::default();
    let delegate = request.recorded_delegate()?;
    let netns = NetnsRecord::of(&request.netns, &container.netns);
    let wanted = wanted(&sysfs, request, vf, netns.clone())?;
    let mut attachment = Attachment {
        name: request.name.clone(),
        netns,
        kind: Kind::Function {
            plan: VfPlan::default(),
            delegate,
        },
    };
    state.record(
        &mut attachment,
        |attachment| build(state, &sysfs, attachment, request, &wanted, &mut container),
        |attachment| detach(state, attachment, None),
    )
}

fn wanted<'a>(
    sysfs: &Sysfs,
    request: &'a Request,
    vf: &VfRequest<'_>,
    netns: NetnsRecord,
) -> Result<Wanted<'a>, AttachError> {
    let configuration = vf.configuration;
    let options = configuration.options.clone();
    let invalid = |key: &str, reason| ConfigurationError::Invalid {
        key: key.to_owned(),
        reason,
    };
    let attributes = options
        .attributes(false)
        .map_err(|(key, reason)| invalid(key, reason))?;
    let name = &request.name;
    Ok(Wanted {
        owner: name,
        holder: vf.holder.clone(),
        netns,
        interface: name.interface.clone(),
        altname: super::altname(name, "container"),
        mac: request.mac,
        mtu: vf.mtu,
        source: source(sysfs, configuration)?,
        runner: Runner::Runtime,
        options,
        attributes,
        tuning: vf.tuning.clone(),
        strict: configuration.strict,
    })
}

/// Where the virtual function comes from.
fn source(sysfs: &Sysfs, configuration: &VfConfiguration) -> Result<Source, AttachError> {
    let invalid = |key: &str, reason| ConfigurationError::Invalid {
        key: key.to_owned(),
        reason,
    };
    match (configuration.device, &configuration.options.pool) {
        (Some(device), _) => Ok(Source::Device(device)),
        (None, Some(name)) => {
            let (name, pool) = default::pool(&configuration.pools, Some(name), false)
                .map_err(|error| invalid("vf.pool", error.to_string()))?;
            let found = pool.find(name, sysfs).map_err(AllocationError::from)?;
            Ok(Source::Pool(found))
        }
        (None, None) => {
            let reason = "neither it nor `vf.pool` says which virtual function".to_owned();
            Err(invalid("deviceID", reason).into())
        }
    }
}

fn build(
    state: &State,
    sysfs: &Sysfs,
    attachment: &mut Attachment,
    request: &Request,
    wanted: &Wanted<'_>,
    container: &mut Inside,
) -> Result<Outcome, AttachError> {
    let mut connected = None;
    let connect = || -> Result<(), AttachError> {
        connected = Some(allocation::take(state, sysfs, wanted, &container.netns)?);
        Ok(())
    };
    let reserved = reserve(request, connect)?;
    let Some((holding, device)) = connected else {
        return Ok(Outcome::default());
    };
    let mut plan = VfPlan::of(&reserved.ips, &reserved.routes);
    give_way(&mut plan.routes, &routes_there(container, request)?);
    step();
    if let Kind::Function { plan: recorded, .. } = &mut attachment.kind {
        recorded.clone_from(&plan);
    }
    state.write(attachment)?;
    step();
    if let Some(end) = holding.end(Place::Netns(request.netns.clone())) {
        setting::apply_by(container, &plan.settings(&end.interface))?;
        step();
    }
    Ok(outcome(
        &holding,
        device.as_ref(),
        plan,
        request,
        reserved.dns,
    ))
}

fn outcome(
    holding: &Holding,
    device: Option<&Device>,
    plan: VfPlan,
    request: &Request,
    reserved: Dns,
) -> Outcome {
    let name = request.name.interface.as_str();
    Outcome {
        interfaces: vec![interface(holding, name, device, &request.netns)],
        ips: plan.addresses.into_iter().map(|ip| ip.of(0)).collect(),
        routes: plan.routes,
        dns: request.dns_or(reserved),
    }
}

/// The interface of a virtual function for a result: as it was read back.
pub(crate) fn interface(
    holding: &Holding,
    name: &str,
    device: Option<&Device>,
    netns: &Path,
) -> Interface {
    let mac = device.map(|device| device.mac).or(holding.attributes.mac);
    Interface {
        name: name.to_owned(),
        mac: mac.map(|mac| mac.to_string()),
        mtu: device.map(|device| device.mtu),
        sandbox: Some(netns.display().to_string()),
        pci_id: Some(holding.function.to_string()),
    }
}

/// Detaches a virtual function; what is gone already is no error. Goes on after errors, and forgets the attachment only if
/// there were none.
pub(crate) fn detach(
    state: &State,
    attachment: &Attachment,
    current: Option<(&Delegate, Option<&Path>)>,
) -> Vec<AttachError> {
    let Kind::Function { delegate, .. } = &attachment.kind else {
        return Vec::new();
    };
    let released = release_leases(attachment, delegate.as_ref(), current);
    let mut errors: Vec<AttachError> = released.err().into_iter().collect();
    step();
    let restored = restore::give_back(state, &attachment.name);
    errors.extend(restored.into_iter().map(AttachError::from));
    step();
    super::forget(state, attachment, errors)
}
