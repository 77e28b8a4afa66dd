//! What a command line means by a topology (`chain`, `manifests/chain.yaml`) or a node (`h1`, `chain/h1`).

use std::path::{Path, PathBuf};

use pinwire_wiring::name::TopologyName;

use crate::diagnostic::Diagnostic;
use crate::manifest::suggest::nearest;
use crate::paths::{Roots, TopologyPaths};
use crate::plan::{ContainerPlan, NodePlan};
use crate::record::{self, Record, RecordError};
use crate::topology;

/// Why a target is none.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum TargetError {
    /// The manifest that was to name it is wrong.
    #[error("the manifest is wrong")]
    Manifest(Vec<Diagnostic>),
    /// Nothing is up at all.
    #[error("no topology is up")]
    NothingUp,
    /// No topology of that name is up.
    #[error("no topology `{name}` is up; {}", running(known))]
    NoTopology {
        name: String,
        known: Vec<TopologyName>,
    },
    /// The name cannot be a topology's, and no file has it.
    #[error("there is no file `{target}`, and it cannot be the name of a topology: {reason}")]
    NoFile {
        target: String,
        /// Why it is no name.
        reason: String,
    },
    /// Several topologies are up and none was named.
    #[error("{} topologies are up: name one of {}", known.len(), listed(known))]
    Ambiguous { known: Vec<TopologyName> },
    /// The node is in several topologies.
    #[error(
        "node `{node}` is in the topologies {}: write TOPOLOGY/{node}",
        listed(known)
    )]
    AmbiguousNode {
        node: String,
        /// The topologies that have it.
        known: Vec<TopologyName>,
    },
    /// No such node.
    #[error("there is no node `{node}` in {}{}", listed(topologies), suggestion(similar.as_ref()))]
    NoNode {
        node: String,
        /// The topologies that were searched.
        topologies: Vec<TopologyName>,
        /// A node of nearly that name.
        similar: Option<String>,
    },
    /// No such container, or several and none was named.
    #[error("{} in node `{node}`: it has {}", container.as_ref().map_or("name a container with --container".to_owned(), |name| format!("there is no container `{name}`")), if known.is_empty() { "none (its topology was brought up with --nodes namespace)".to_owned() } else { known.join(", ") })]
    NoContainer {
        node: String,
        /// The container that was named.
        container: Option<String>,
        known: Vec<String>,
    },
    /// The record of a topology cannot be used.
    #[error("cannot tell what is up")]
    Record(#[from] RecordError),
}

fn listed(names: &[TopologyName]) -> String {
    let names: Vec<_> = names.iter().map(TopologyName::as_str).collect();
    names.join(", ")
}

fn running(names: &[TopologyName]) -> String {
    if names.is_empty() {
        "none is".to_owned()
    } else {
        format!("up are: {}", listed(names))
    }
}

fn suggestion(similar: Option<&String>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Whether a target is meant as a file: it is there, or only a path looks like that.
fn is_file(target: &str) -> bool {
    let path = Path::new(target);
    let manifest = path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    });
    target == "-" || target.contains('/') || manifest
}

/// The name of the topology that a target means; whether it is up is not asked.
///
/// # Errors
/// [`TargetError::Manifest`], [`TargetError::NoFile`].
pub fn name(target: &str) -> Result<TopologyName, TargetError> {
    if is_file(target) {
        let (topology, _) =
            topology::load(&[PathBuf::from(target)], None).map_err(TargetError::Manifest)?;
        return Ok(topology.name);
    }
    target.parse().map_err(|reason| TargetError::NoFile {
        target: target.to_owned(),
        reason,
    })
}

/// The topology that a target means, or the only one that is up.
///
/// # Errors
/// [`TargetError`].
pub fn topology(
    roots: &Roots,
    target: Option<&str>,
) -> Result<(TopologyPaths, Record), TargetError> {
    let known = record::names(roots)?;
    let name = match (target, known.as_slice()) {
        (Some(target), _) => name(target)?,
        (None, [only]) => only.clone(),
        (None, []) => return Err(TargetError::NothingUp),
        (None, _) => return Err(TargetError::Ambiguous { known }),
    };
    let paths = roots.topology(&name);
    match Record::read(&paths)? {
        Some(record) => Ok((paths, record)),
        None => Err(TargetError::NoTopology {
            name: name.to_string(),
            known,
        }),
    }
}

/// A node of a topology that is up.
#[derive(Debug)]
pub struct NodeTarget {
    /// The places of its topology.
    pub paths: TopologyPaths,
    /// The node.
    pub node: NodePlan,
}

/// The node that `[TOPOLOGY/]NODE` means.
///
/// # Errors
/// [`TargetError`].
pub fn node(roots: &Roots, target: &str) -> Result<NodeTarget, TargetError> {
    let (topologies, name) = match target.rsplit_once('/') {
        Some((topology, node)) => (vec![self::topology(roots, Some(topology))?], node),
        None => (all(roots)?, target),
    };
    let names = |records: &[(TopologyPaths, Record)]| -> Vec<TopologyName> {
        records
            .iter()
            .map(|(_, record)| record.deployment.name.clone())
            .collect()
    };
    let searched = names(&topologies);
    let nodes: Vec<_> = topologies
        .iter()
        .flat_map(|(_, record)| {
            record
                .deployment
                .nodes
                .iter()
                .map(|node| node.name.to_string())
        })
        .collect();
    let mut found: Vec<_> = topologies
        .into_iter()
        .filter(|(_, record)| record.deployment.node(name).is_some())
        .collect();
    if found.len() > 1 {
        let node = name.to_owned();
        return Err(TargetError::AmbiguousNode {
            node,
            known: names(&found),
        });
    }
    let target = found.pop().and_then(|(paths, record)| {
        let node = record.deployment.node(name)?.clone();
        Some(NodeTarget { paths, node })
    });
    target.ok_or_else(|| TargetError::NoNode {
        node: name.to_owned(),
        topologies: searched,
        similar: nearest(name, nodes.iter().map(String::as_str)).map(str::to_owned),
    })
}

impl NodeTarget {
    /// The container of that name, or the only one.
    ///
    /// # Errors
    /// [`TargetError::NoContainer`].
    pub fn container(&self, name: Option<&str>) -> Result<&ContainerPlan, TargetError> {
        let containers = &self.node.containers;
        let found = match (name, containers.as_slice()) {
            (Some(name), _) => containers.iter().find(|container| container.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found.ok_or_else(|| TargetError::NoContainer {
            node: self.node.name.to_string(),
            container: name.map(str::to_owned),
            known: containers
                .iter()
                .map(|container| container.name.clone())
                .collect(),
        })
    }
}

fn all(roots: &Roots) -> Result<Vec<(TopologyPaths, Record)>, TargetError> {
    let mut topologies = Vec::new();
    for name in record::names(roots)? {
        let paths = roots.topology(&name);
        if let Some(record) = Record::read(&paths)? {
            topologies.push((paths, record));
        }
    }
    if topologies.is_empty() {
        return Err(TargetError::NothingUp);
    }
    Ok(topologies)
}
