//! The CNI plugin as a library: what each verb does, by typed requests.
//!
//! [`protocol::serve`] reads such a request from environment and standard input, as the binary does; others (a netavark
//! driver, `pinwire gc`) make theirs. Two modes: a pod whose annotations make it a node of a topology is wired to its
//! peers ([`rendezvous`]), any other gets the interface that the runtime asks for ([`attach`]), unless a plugin before
//! this one in the chain has made it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::inside::Inside;
use crate::name::InterfaceName;
use crate::netns::Netns;

mod agreement;
pub mod arguments;
pub mod attach;
mod check;
pub mod configuration;
pub mod environment;
mod error;
mod fault;
pub mod function;
pub mod gc;
mod gone;
mod ipam;
pub(crate) mod json;
mod log;
mod masquerade;
pub mod pod;
mod previous;
pub mod protocol;
mod readiness;
pub mod rendezvous;
pub mod result;
pub mod state;
pub mod status;
pub mod version;

pub use agreement::{Disagreement, agree};
pub use attach::TellError;
pub use check::Difference;
pub use error::{ConfigurationError, PluginError};
pub use function::FunctionError;
pub use ipam::IpamError;
pub use masquerade::MasqueradeError;

use arguments::Arguments;
use configuration::Configuration;
pub(crate) use error::chain;
use function::FunctionRequest;
use pod::Pod;
use result::Outcome;
use state::{AttachmentName, Delegate, Kind, State};

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
    fn function(&self) -> FunctionRequest<'_> {
        let [runtime_mtu, mtu] = self.configuration.mtu;
        let arguments = &self.arguments.0;
        FunctionRequest {
            configuration: &self.configuration.function,
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
        Ok(Pod::read(
            &self.configuration.annotations,
            &self.arguments.0,
        )?)
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
            let interfaces =
                rendezvous::join(state, &request.name, netns, pod, &configuration.function)?;
            Ok(previous::extend(previous, &interfaces, version))
        }
        (Some(pod), None) => {
            let ips = pod.clone();
            let interfaces =
                rendezvous::join(state, &request.name, netns, pod, &configuration.function)?;
            Ok(previous::first(&ips, interfaces, configuration.dns.clone()).write(version))
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
            if !configuration.function.wanted()? {
                return Ok(attach::attach(state, attach)?.write(version));
            }
            let function = request.function();
            Ok(function::attach(state, &attach, &function)?.write(version))
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
    let (attachment, mut errors) = match state.read(&request.name) {
        Ok(attachment) => (attachment, Vec::new()),
        Err(error) => {
            tracing::warn!(error = chain(&error), "removing by name");
            (None, Vec::new())
        }
    };
    match &attachment {
        Some(attachment) if attachment.pod().is_some() => {
            errors.extend(rendezvous::leave(state, attachment));
        }
        Some(attachment) if matches!(attachment.kind, Kind::Function { .. }) => {
            errors.extend(function::detach(state, attachment, current));
        }
        Some(attachment) => errors.extend(attach::detach(state, attachment, current)),
        // Never attached, detached already, or state was lost: whatever there may be follows from the name.
        None => {
            if let Some((delegate, netns)) = current {
                errors.extend(attach::release(&request.name, delegate, netns).err());
            }
            errors.extend(function::restore::give_back(state, &request.name));
            errors.extend(attach::detach_by_name(state, &request.name));
        }
    }
    PluginError::all(errors)
}

/// CHECK: whether a container is attached as it was.
///
/// # Errors
/// The first [`Difference`], or what kept it from being looked for.
pub fn check(state: &State, request: &Request) -> Result<(), PluginError> {
    let netns = request.netns()?;
    let previous = request.configuration.previous.as_ref();
    let previous = previous.ok_or_else(|| ConfigurationError::Invalid {
        key: "prevResult".to_owned(),
        reason: "CHECK needs the result of ADD".to_owned(),
    })?;
    let previous: Outcome = previous::read(previous)?;
    let Some(attachment) = state.read(&request.name)? else {
        let host = attach::host_end(&request.name).interface;
        let mut interfaces = previous.interfaces.iter();
        let ours = request.configuration.ipam.is_some()
            || request.pod()?.is_some()
            || interfaces.any(|interface| interface.name == host.as_str());
        if ours {
            return Err(PluginError::Unknown(Box::new(request.name.clone())));
        }
        // Somebody else's container passed through.
        return open(netns).map(drop);
    };
    check::check(
        state,
        &attachment,
        netns,
        &previous,
        request.delegate().as_ref(),
    )
}

/// Opens a container's namespace, which must not be the caller's own.
pub(crate) fn open(path: &Path) -> Result<Netns, PluginError> {
    let netns = Netns::open(path).map_err(PluginError::Container)?;
    if netns.is_current()? {
        return Err(PluginError::OwnNamespace(path.to_owned()));
    }
    Ok(netns)
}

/// Opens a container's namespace, in which none of some interfaces must be there already.
fn open_free<'a>(
    path: &Path,
    interfaces: impl IntoIterator<Item = &'a InterfaceName>,
) -> Result<Inside, PluginError> {
    let inside = Inside::of(open(path)?)?;
    let exists = |name: &&InterfaceName| inside.socket.index_of(name.as_str()).is_some();
    match interfaces.into_iter().find(exists) {
        None => Ok(inside),
        Some(interface) => Err(PluginError::InterfaceExists {
            interface: interface.clone(),
            netns: path.to_owned(),
        }),
    }
}
