//! One attachment: a container's interface in a network, and all that exists for it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};

use super::{State, StateError};
use crate::error::chain;
use crate::fault::step;
use crate::kernel::netns::{Netns, NetnsId};
use crate::name::{InterfaceName, NodeName, TopologyName};

/// A container's id, or a network's name: letters, digits, `_`, `.` and `-`, a letter or digit first. Holding one proves
/// that it names no other directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(String);

impl Identifier {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The network that the ends of a topology of `pinwire up` are attached to.
    pub fn of_topology(topology: &TopologyName) -> Self {
        Self(format!("pinwire-up.{topology}"))
    }
}

/// A node's name is a DNS label, which every identifier may be.
impl From<&NodeName> for Identifier {
    fn from(node: &NodeName) -> Self {
        Self(node.to_string())
    }
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let first = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` must be letters, digits, `_`, `.` and `-`, a letter or digit first"
        ))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

crate::name::string_serde!(Identifier, r"^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$");

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
    pub fn hash(&self, purpose: &str) -> [u8; 32] {
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
    /// Of a namespace that is open, and found at `path`.
    pub fn of(path: &Path, netns: &Netns) -> Self {
        Self {
            path: path.to_owned(),
            id: netns.id(),
        }
    }

    /// Opens the namespace, if it is still the same one.
    pub fn open(&self) -> Option<Netns> {
        let netns = Netns::open(&self.path).ok()?;
        (netns.id() == self.id).then_some(netns)
    }
}

/// All that exists, or may exist, for an attachment. What kinds there are, the caller knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment<K> {
    /// Its name.
    pub name: AttachmentName,
    /// Its namespace.
    pub netns: NetnsRecord,
    /// What it is.
    pub kind: K,
}

impl State {
    /// Writes an attachment down, before the first change for it, and has it built. Where that fails, what was built is
    /// undone: the first error is the one to report, and what cannot be undone stays written down for DEL and GC.
    ///
    /// # Errors
    /// That of writing or of `build`.
    pub fn record<K: Serialize, T, E: From<StateError> + Error>(
        &self,
        attachment: &mut Attachment<K>,
        build: impl FnOnce(&mut Attachment<K>) -> Result<T, E>,
        undo: impl FnOnce(&Attachment<K>) -> Vec<E>,
    ) -> Result<T, E> {
        step();
        self.write(attachment)?;
        step();
        let built = build(attachment);
        if built.is_err() {
            for error in undo(attachment) {
                tracing::warn!(error = chain(&error), "undo");
            }
        }
        built
    }
}
