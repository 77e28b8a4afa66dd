//! One attachment: a container's interface in a network, and all that exists for it.

use std::fmt;
use std::path::PathBuf;

use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::allocation::FunctionPlan;
use crate::attach::Plan;
use crate::cni::configuration::Configuration;
use crate::cni::environment::Identifier;
use crate::kernel::netns::{Netns, NetnsId};
use crate::name::InterfaceName;
use crate::topology::pod::Pod;

/// What names an attachment, by the specification: network, container and interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentName {
    /// The network.
    pub network: Identifier,
    /// The container's id.
    pub container: Identifier,
    /// The interface that the runtime asked for.
    pub interface: InterfaceName,
}

impl AttachmentName {
    /// A name for files: the head of the container's id, for people, and a hash of the whole, at most 97 bytes.
    pub fn key(&self) -> String {
        let container = self.container.as_str();
        let head = &container[..container.len().min(64)];
        format!(
            "{head}-{}",
            crate::identity::hexadecimal(&self.hash("attachment")[..16])
        )
    }

    /// A hash of the name for a purpose.
    pub(crate) fn hash(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Hash::new();
        let parts = [
            self.network.as_str(),
            self.container.as_str(),
            self.interface.as_str(),
        ];
        for part in ["pinwire-cni", purpose].into_iter().chain(parts) {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize()
    }
}

impl fmt::Display for AttachmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            network,
            container,
            interface,
        } = self;
        write!(
            formatter,
            "`{interface}` of container {container} in network `{network}`"
        )
    }
}

/// A network namespace, as it was at ADD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetnsRecord {
    /// Where it is found.
    pub path: PathBuf,
    /// What tells it from another one that is found there later.
    pub id: NetnsId,
}

impl NetnsRecord {
    /// Opens the namespace, if it is still the same one.
    pub fn open(&self) -> Option<Netns> {
        let netns = Netns::open(&self.path).ok()?;
        (netns.id() == self.id).then_some(netns)
    }
}

/// What it takes to give addresses back without the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delegate {
    /// The IPAM plugin's name.
    pub kind: String,
    /// `CNI_PATH`.
    pub path: String,
    /// `CNI_ARGS`.
    pub arguments: String,
    /// The network configuration.
    pub configuration: String,
}

impl Delegate {
    /// The IPAM plugin of a configuration, if it names one.
    pub(crate) fn of(configuration: &Configuration, path: &str, arguments: &str) -> Option<Self> {
        Some(Self {
            kind: configuration.ipam.clone()?,
            path: path.to_owned(),
            arguments: arguments.to_owned(),
            configuration: String::from_utf8_lossy(&configuration.text).into_owned(),
        })
    }

    /// The delegate without what only the ADD needs: results and annotations can be long.
    #[must_use]
    pub(crate) fn to_record(&self) -> Self {
        let mut record = self.clone();
        if let Ok(Value::Object(mut configuration)) = serde_json::from_str(&self.configuration) {
            configuration.retain(|key, _| {
                !["prevResult", "runtimeConfig"]
                    .iter()
                    .any(|long| key.eq_ignore_ascii_case(long))
            });
            record.configuration = Value::Object(configuration).to_string();
        }
        record
    }
}

/// All that exists, or may exist, for an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Its name.
    pub name: AttachmentName,
    /// Its namespace.
    pub netns: NetnsRecord,
    /// What it is.
    pub kind: Kind,
}

/// What an attachment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// One interface with a peer in the host's namespace.
    Interface {
        /// The interface and what it is told.
        plan: Plan,
        /// Where its addresses are from.
        delegate: Option<Delegate>,
    },
    /// One interface that is a virtual function, which [`State::holdings_of`](super::State::holdings_of) knows.
    Function {
        /// Addresses and routes of the interface.
        plan: FunctionPlan,
        /// Where its addresses are from.
        delegate: Option<Delegate>,
    },
    /// A node of a topology.
    Node(Pod),
}

impl Attachment {
    /// Replaces the plan of an attached interface.
    pub(crate) fn replan(&mut self, new: Plan) {
        if let Kind::Interface { plan, .. } = &mut self.kind {
            *plan = new;
        }
    }

    /// The node of a topology that the attachment is.
    pub fn pod(&self) -> Option<&Pod> {
        match &self.kind {
            Kind::Node(pod) => Some(pod),
            Kind::Interface { .. } | Kind::Function { .. } => None,
        }
    }
}
