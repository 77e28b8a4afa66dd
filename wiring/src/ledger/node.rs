//! Nodes of topologies: who is one, and who names one of its interfaces as a peer. Only to be used under the node's lock.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Attachment, AttachmentName, State, StateError, failed, names, read, remove};
use crate::fault::step;
use crate::identity::HOST;
use crate::name::{InterfaceName, NodeName, TopologyName};

/// The link to the attachment that is the node.
const SELF: &str = "node";
/// The start of a link to an attachment that names an interface of the node as its peer; no interface has a `:`.
const CLAIM: &str = "peer:";

/// A node of a topology, or the host as the far end of its wires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    topology: TopologyName,
    node: String,
}

impl NodeKey {
    /// A node.
    pub fn node(topology: &TopologyName, node: &NodeName) -> Self {
        Self {
            topology: topology.clone(),
            node: node.to_string(),
        }
    }

    /// The host's end of a topology; no node has its name.
    pub fn host(topology: &TopologyName) -> Self {
        Self {
            topology: topology.clone(),
            node: HOST.to_owned(),
        }
    }
}

/// `TOPOLOGY@NODE`: neither name can hold an `@`, and both together fit a file's name.
impl fmt::Display for NodeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.topology, self.node)
    }
}

impl State {
    /// The attachment that is a node.
    pub fn node<K: DeserializeOwned>(
        &self,
        node: &NodeKey,
    ) -> Result<Option<Attachment<K>>, StateError> {
        read(&self.directory(node).join(SELF))
    }

    /// Whether an attachment is a node.
    pub fn is_node(&self, node: &NodeKey, name: &AttachmentName) -> bool {
        points(&self.directory(node).join(SELF), name)
    }

    /// Says that an attachment is a node, and names interfaces of others as its peers.
    pub fn publish<'a>(
        &self,
        name: &AttachmentName,
        node: &NodeKey,
        peers: impl Iterator<Item = (NodeKey, &'a InterfaceName)>,
    ) -> Result<(), StateError> {
        let target = target(name);
        point(&self.directory(node).join(SELF), &target)?;
        step();
        for (peer, interface) in peers {
            point(&self.claim_path(&peer, interface), &target)?;
        }
        Ok(())
    }

    /// Takes that back, if it was said of this attachment.
    pub fn withdraw(&self, node: &NodeKey, name: &AttachmentName) -> Result<(), StateError> {
        unpoint(&self.directory(node).join(SELF), name)
    }

    /// The attachments that name interfaces of a node as their peers.
    pub fn claims<K: DeserializeOwned>(
        &self,
        node: &NodeKey,
    ) -> Result<Vec<(InterfaceName, Attachment<K>)>, StateError> {
        let directory = self.directory(node);
        let mut claims = Vec::new();
        for name in names(&directory)? {
            let interface = name.strip_prefix(CLAIM).and_then(|name| name.parse().ok());
            if let Some(interface) = interface
                && let Some(attachment) = read(&directory.join(&name))?
            {
                claims.push((interface, attachment));
            }
        }
        Ok(claims)
    }

    /// The attachment that names an interface of a node as its peer.
    pub fn claim<K: DeserializeOwned>(
        &self,
        node: &NodeKey,
        interface: &InterfaceName,
    ) -> Result<Option<Attachment<K>>, StateError> {
        read(&self.claim_path(node, interface))
    }

    /// Takes back that an attachment names an interface of a node as its peer, if it was said of this one.
    pub fn unstake(
        &self,
        node: &NodeKey,
        interface: &InterfaceName,
        name: &AttachmentName,
    ) -> Result<(), StateError> {
        unpoint(&self.claim_path(node, interface), name)
    }

    /// Removes links that lead nowhere, and the directory of a node if nothing is left in it. Whether that is so.
    pub(crate) fn tidy(&self, node: &str) -> Result<bool, StateError> {
        let directory = self.root.join("nodes").join(node);
        for name in names(&directory)? {
            let path = directory.join(name);
            if !path.exists() {
                remove(&path)?;
            }
        }
        match fs::remove_dir(&directory) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(failed("remove", &directory)(error)),
        }
    }

    /// The names of all nodes that have left a directory or a lock.
    pub fn nodes(&self) -> Result<Vec<NodeKey>, StateError> {
        let mut found = names(&self.root.join("nodes"))?;
        found.extend(names(&self.root.join("locks"))?);
        found.sort();
        found.dedup();
        let key = |name: String| {
            let (topology, node) = name.split_once('@')?;
            Some(NodeKey {
                topology: topology.parse().ok()?,
                node: node.to_owned(),
            })
        };
        Ok(found.into_iter().filter_map(key).collect())
    }

    fn directory(&self, node: &NodeKey) -> PathBuf {
        self.root.join("nodes").join(node.to_string())
    }

    fn claim_path(&self, node: &NodeKey, interface: &InterfaceName) -> PathBuf {
        self.directory(node).join(format!("{CLAIM}{interface}"))
    }
}

fn point(path: &Path, target: &Path) -> Result<(), StateError> {
    let mut linked = symlink(target, path);
    if let Err(error) = &linked {
        match error.kind() {
            io::ErrorKind::NotFound => path.parent().map_or(Ok(()), fs::create_dir_all),
            io::ErrorKind::AlreadyExists => fs::remove_file(path),
            _ => Ok(()),
        }
        .map_err(failed("make way for", path))?;
        linked = symlink(target, path);
    }
    linked.map_err(failed("link", path))
}

fn points(path: &Path, name: &AttachmentName) -> bool {
    fs::read_link(path).is_ok_and(|found| found == target(name))
}

fn unpoint(path: &Path, name: &AttachmentName) -> Result<(), StateError> {
    if points(path, name) {
        remove(path)?;
    }
    Ok(())
}

fn target(name: &AttachmentName) -> PathBuf {
    Path::new("../../attachments").join(format!("{}.json", name.key()))
}
