//! The verbs of the CNI plugin: what each does, by typed requests.
//!
//! [`protocol::serve`] reads such a request from environment and standard input, as the binary does; others (a netavark
//! driver, `pinwire gc`) make theirs. Two modes: a pod whose annotations make it a node of a topology is wired to its
//! peers ([`rendezvous`]), any other gets the interface that the runtime asks for ([`attach`]), unless a plugin before
//! this one in the chain has made it.

use std::path::{Path, PathBuf};

use serde_json::Value;

pub mod attachment;
mod error;
pub mod gc;
pub mod protocol;
pub mod status;

pub use error::PluginError;

use crate::attach::vf::VfRequest;
use crate::cni::arguments::Arguments;
use crate::cni::configuration::Configuration;
use crate::cni::delegate::Delegate;
use crate::cni::result::{Address, Dns, Interface, Outcome};
use crate::cni::{ConfigurationError, container, environment, previous};
use crate::topology::{TopologyError, pod::Pod, rendezvous};
use crate::{attach, check};
use attachment::{Kind, Mode};
use pinwire_wiring::allocation::restore;
use pinwire_wiring::error::chain;
use pinwire_wiring::ledger::{AttachmentName, State};

/// A request about one attachment: what CNI's environment and standard input say.
#[derive(Clone, Debug)]
pub struct Request {
    /// The network configuration.
    pub configuration: Configuration,
    /// The attachment.
    pub name: AttachmentName,
    /// Path of the container's network namespace; absent at DEL if it is gone.
    pub netns: Option<PathBuf>,
    /// `CNI_ARGS`, read and as they are.
    pub arguments: (Arguments, String),
    /// `CNI_PATH`.
    pub path: String,
}

impl Request {
    /// The IPAM plugin, if the configuration names one.
    fn delegate(&self) -> Option<Delegate> {
        Delegate::of(&self.configuration, &self.path, &self.arguments.1)
    }

    /// The namespace, which all verbs but DEL need.
    fn netns(&self) -> Result<&Path, PluginError> {
        let missing = || environment::EnvironmentError::Missing(vec!["CNI_NETNS"]);
        Ok(self.netns.as_deref().ok_or_else(missing)?)
    }

    /// What the virtual function is to be, where one is to be attached.
    fn vf(&self) -> VfRequest<'_> {
        let [runtime_mtu, mtu] = self.configuration.mtu;
        let arguments = &self.arguments.0;
        VfRequest {
            configuration: &self.configuration.vf,
            mtu: runtime_mtu.or(arguments.mtu).or(mtu),
            tuning: self.configuration.tuning.clone(),
            holder: match &arguments.pod_name {
                None => self.name.to_string(),
                Some(pod) => {
                    let namespace = arguments.pod_namespace.as_deref().unwrap_or("default");
                    format!("`{}` of pod {namespace}/{pod}", self.name.interface)
                }
            },
        }
    }

    fn pod(&self) -> Result<Option<Pod>, PluginError> {
        let pod = Pod::read(&self.configuration.annotations, &self.arguments.0);
        Ok(pod.map_err(TopologyError::from)?)
    }
}

/// ADD: attaches a container. The result, in the shape of the configuration's version.
///
/// # Errors
/// The first [`PluginError`]; nothing is left behind then.
pub fn add(state: &State, request: &Request) -> Result<Value, PluginError> {
    let configuration = &request.configuration;
    let version = configuration.version;
    let netns = request.netns()?;
    let previous = configuration.previous.as_ref();
    // It has to be sound before anything is done for the pod.
    previous.map(previous::read).transpose()?;
    match (request.pod()?, previous) {
        (Some(pod), Some(previous)) => {
            let interfaces = rendezvous::join(state, &request.name, netns, pod, &configuration.vf)?;
            Ok(previous::extend(previous, &interfaces, version))
        }
        (Some(pod), None) => {
            let ips = pod.clone();
            let interfaces = rendezvous::join(state, &request.name, netns, pod, &configuration.vf)?;
            Ok(first(&ips, interfaces, configuration.dns.clone()).write(version))
        }
        (None, Some(previous)) => Ok(previous::extend(previous, &[], version)),
        (None, None) => {
            let attach = attach::Request::of(
                request.name.clone(),
                netns,
                configuration,
                &request.arguments.0,
                request.delegate(),
            );
            if !configuration.vf.wanted()? {
                return Ok(attach::attach(state, attach)?.write(version));
            }
            let vf = request.vf();
            Ok(attach::vf::attach(state, &attach, &vf)?.write(version))
        }
    }
}

/// DEL: detaches a container. What is gone already is no error; what cannot be removed stays written down, so that DEL
/// can be repeated.
///
/// # Errors
/// All that could not be removed.
pub fn del(state: &State, request: &Request) -> Result<(), PluginError> {
    let delegate = request.delegate();
    let current = delegate
        .as_ref()
        .map(|delegate| (delegate, request.netns.as_deref()));
    let (attachment, mut errors) = match state.read::<Kind>(&request.name) {
        Ok(attachment) => (attachment, Vec::new()),
        Err(error) => {
            tracing::warn!(error = chain(&error), "removing by name");
            (None, Vec::new())
        }
    };
    match attachment.map(Mode::of) {
        Some(Mode::Joined(attachment)) => {
            let left = rendezvous::leave(state, &attachment);
            errors.extend(left.into_iter().map(PluginError::from));
        }
        Some(Mode::Attached(attachment)) => {
            let left = attach::detach(state, &attachment, current);
            errors.extend(left.into_iter().map(PluginError::from));
        }
        // Never attached, detached already, or state was lost: whatever there may be follows from the name.
        None => {
            if let Some((delegate, netns)) = current {
                let released = attach::release(&request.name, delegate, netns);
                errors.extend(released.err().map(PluginError::from));
            }
            let restored = restore::give_back(state, &request.name);
            errors.extend(restored.into_iter().map(PluginError::from));
            let left = attach::detach_by_name(state, &request.name);
            errors.extend(left.into_iter().map(PluginError::from));
        }
    }
    PluginError::all(errors)
}

/// CHECK: whether a container is attached as it was.
///
/// # Errors
/// The first [`check::Difference`], or what kept it from being looked for.
pub fn check(state: &State, request: &Request) -> Result<(), PluginError> {
    let netns = request.netns()?;
    let previous = request.configuration.previous.as_ref();
    let previous = previous.ok_or_else(|| ConfigurationError::Invalid {
        key: "prevResult".to_owned(),
        reason: "CHECK needs the result of ADD".to_owned(),
    })?;
    let previous: Outcome = previous::read(previous)?;
    let Some(attachment) = state.read::<Kind>(&request.name)? else {
        let host = attach::host_end(&request.name).interface;
        let mut interfaces = previous.interfaces.iter();
        let ours = request.configuration.ipam.is_some()
            || request.pod()?.is_some()
            || interfaces.any(|interface| interface.name == host.as_str());
        if ours {
            return Err(PluginError::Unknown(Box::new(request.name.clone())));
        }
        // Somebody else's container passed through.
        container::open(netns)?;
        return Ok(());
    };
    match Mode::of(attachment) {
        Mode::Joined(attachment) => check::joined(state, &attachment, netns)?,
        Mode::Attached(attachment) => {
            let delegate = request.delegate();
            check::attached(state, &attachment, netns, &previous, delegate.as_ref())?;
        }
    }
    Ok(())
}

/// The result of a pod's links where no plugin was before: with their addresses, since there are no others.
fn first(pod: &Pod, interfaces: Vec<Interface>, dns: Dns) -> Outcome {
    let mut ips = Vec::new();
    for (position, interface) in interfaces.iter().enumerate() {
        let link = pod
            .links
            .iter()
            .find(|link| interface.sandbox.is_some() && link.interface.as_str() == interface.name);
        ips.extend(
            link.into_iter()
                .flat_map(|link| &link.addresses)
                .map(|address| Address {
                    interface: i64::try_from(position).ok(),
                    address: *address,
                    gateway: None,
                }),
        );
    }
    Outcome {
        interfaces,
        ips,
        routes: Vec::new(),
        dns,
    }
}
