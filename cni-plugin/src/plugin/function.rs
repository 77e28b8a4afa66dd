//! The interface that a runtime asks for, as a virtual function; and the virtual functions of a node's links.
//!
//! What is done, in this order: the virtual function is chosen and written down, what it was is written down, it takes its
//! MAC address, its physical function is told the rest (`take`), its interface moves (`enter`), addresses and routes follow.
//! Undoing (`restore`) starts from what is found, whatever came of all that.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::attach::{
    self, Addressing, EndPlan, Request, give_back as give_leases_back, give_way, reserve,
    routes_there, tell,
};
use super::configuration::FunctionConfiguration;
use super::error::{ConfigurationError, PluginError, chain};
use super::fault::step;
use super::result::{Address, Dns, Interface, Outcome, ResultRoute};
use super::state::{Attachment, Delegate, Holding, Kind, NetnsRecord, State};
use crate::inside::Inside;
use crate::rule::default;
use crate::tuning::Tuning;
use crate::vf::{Device, Sysfs};
use crate::wire::Place;

pub(crate) mod check;
mod choice;
pub mod device;
pub mod end;
mod enter;
mod error;
pub mod inventory;
mod near;
pub(crate) mod node;
mod reset;
pub(crate) mod restore;
mod search;
mod take;
mod tune;

use choice::Source;
pub use error::FunctionError;
use near::Runner;
use take::Wanted;

/// Addresses and routes of a virtual function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionPlan {
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Routes; those without a next hop go by the gateway of their family, if there is one.
    pub routes: Vec<ResultRoute>,
}

impl FunctionPlan {
    fn of(addresses: &[Address], routes: &[ResultRoute]) -> Self {
        let mut plan = Self {
            addresses: addresses.to_vec(),
            routes: routes.to_vec(),
        };
        for route in &mut plan.routes {
            let v4 = route.dst.addr().is_ipv4();
            let mut gateways = addresses.iter().filter_map(|address| address.gateway);
            route.gw = route
                .gw
                .or_else(|| gateways.find(|gateway| gateway.is_ipv4() == v4));
        }
        plan
    }

    /// What the interface is told: its network is on the link.
    pub(crate) fn end(&self) -> EndPlan {
        EndPlan {
            addresses: self
                .addresses
                .iter()
                .map(|address| (address.address, false))
                .collect(),
            routes: self.routes.iter().map(attach::route).collect(),
        }
    }
}

/// What only a virtual function is asked for.
pub(crate) struct FunctionRequest<'a> {
    /// What the configuration says of it.
    pub(crate) configuration: &'a FunctionConfiguration,
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
/// The first [`PluginError`].
pub(crate) fn attach(
    state: &State,
    request: &Request,
    function: &FunctionRequest<'_>,
) -> Result<Outcome, PluginError> {
    let mut container = super::open_free(&request.netns, [&request.name.interface])?;
    let sysfs = Sysfs::default();
    let delegate = match &request.addressing {
        Addressing::Delegated(delegate) => {
            attach::ipam(delegate).executable()?;
            Some(delegate.to_record())
        }
        Addressing::Given { .. } => None,
    };
    let record = NetnsRecord {
        path: request.netns.clone(),
        id: container.netns.id(),
    };
    let wanted = wanted(&sysfs, request, function, record.clone())?;
    let mut attachment = Attachment {
        name: request.name.clone(),
        netns: record,
        kind: Kind::Function {
            plan: FunctionPlan::default(),
            delegate,
        },
    };
    step();
    state.write(&attachment)?;
    step();
    let attached = build(
        state,
        &sysfs,
        &mut attachment,
        request,
        &wanted,
        &mut container,
    );
    if attached.is_err() {
        // The first error is the one to report; what cannot be undone stays written down for DEL and GC.
        for error in detach(state, &attachment, None) {
            tracing::warn!(error = chain(&error), "undo");
        }
    }
    attached
}

fn wanted<'a>(
    sysfs: &Sysfs,
    request: &'a Request,
    FunctionRequest {
        configuration,
        mtu,
        tuning,
        holder,
    }: &FunctionRequest<'_>,
    netns: NetnsRecord,
) -> Result<Wanted<'a>, PluginError> {
    let options = configuration.options.clone();
    let invalid = |key: &str, reason| ConfigurationError::Invalid {
        key: key.to_owned(),
        reason,
    };
    let attributes = options
        .attributes(false)
        .map_err(|(key, reason)| invalid(key, reason))?;
    let source = match (configuration.device, &options.pool) {
        (Some(device), _) => Source::Device(device),
        (None, Some(name)) => {
            let (name, pool) = default::pool(&configuration.pools, Some(name), false)
                .map_err(|error| invalid("vf.pool", error.to_string()))?;
            Source::Pool(pool.find(name, sysfs).map_err(FunctionError::from)?)
        }
        (None, None) => {
            let reason = "neither it nor `vf.pool` says which virtual function".to_owned();
            return Err(invalid("deviceID", reason).into());
        }
    };
    let name = &request.name;
    Ok(Wanted {
        owner: name,
        holder: holder.clone(),
        netns,
        interface: name.interface.clone(),
        altname: attach::altname(name, "container"),
        mac: request.mac,
        mtu: *mtu,
        source,
        runner: Runner::Runtime,
        options,
        attributes,
        tuning: tuning.clone(),
        strict: configuration.strict,
    })
}

fn build(
    state: &State,
    sysfs: &Sysfs,
    attachment: &mut Attachment,
    request: &Request,
    wanted: &Wanted<'_>,
    container: &mut Inside,
) -> Result<Outcome, PluginError> {
    let mut connected = None;
    let mut connect = || -> Result<(), PluginError> {
        let (mut holding, _) = take::take(state, sysfs, wanted)?;
        let device = enter::enter(&holding, &container.netns)?;
        tune::settle(
            state,
            sysfs,
            &mut holding,
            &container.netns,
            device.as_ref(),
        )?;
        connected = Some((holding, device));
        Ok(())
    };
    let (mut plan, dns) = match &request.addressing {
        Addressing::Given { addresses, routes } => {
            connect()?;
            (FunctionPlan::of(addresses, routes), Dns::default())
        }
        Addressing::Delegated(delegate) => {
            let reserved = reserve(request, delegate, connect)?;
            (
                FunctionPlan::of(&reserved.ips, &reserved.routes),
                reserved.dns,
            )
        }
    };
    let Some((holding, device)) = connected else {
        return Ok(Outcome::default());
    };
    give_way(&mut plan.routes, &routes_there(container, request)?);
    step();
    if let Kind::Function { plan: recorded, .. } = &mut attachment.kind {
        recorded.clone_from(&plan);
    }
    state.write(attachment)?;
    step();
    if let Some(end) = holding.end(Place::Netns(request.netns.clone())) {
        tell(&mut container.socket, &end, &plan.end())?;
        step();
    }
    Ok(outcome(&holding, device.as_ref(), plan, request, dns))
}

fn outcome(
    holding: &Holding,
    device: Option<&Device>,
    plan: FunctionPlan,
    request: &Request,
    reserved: Dns,
) -> Outcome {
    let ips = plan.addresses.into_iter().map(|address| Address {
        interface: Some(0),
        ..address
    });
    Outcome {
        interfaces: vec![interface(
            holding,
            request.name.interface.as_str(),
            device,
            &request.netns,
        )],
        ips: ips.collect(),
        routes: plan.routes,
        dns: if request.dns == Dns::default() {
            reserved
        } else {
            request.dns.clone()
        },
    }
}

/// The interface for the result: as it was read back.
fn interface(holding: &Holding, name: &str, device: Option<&Device>, netns: &Path) -> Interface {
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
) -> Vec<PluginError> {
    let Kind::Function { delegate, .. } = &attachment.kind else {
        return Vec::new();
    };
    let released = give_leases_back(attachment, delegate.as_ref(), current);
    let mut errors: Vec<PluginError> = released.err().into_iter().collect();
    step();
    errors.extend(restore::give_back(state, &attachment.name));
    step();
    if errors.is_empty() {
        errors.extend(state.forget(&attachment.name).err().map(Into::into));
        step();
    }
    errors
}
