//! The typed, validated form of a manifest: what a topology *is*, independent of the YAML that described it.
//!
//! Holding a [`Topology`] proves that its nodes, links, routes and mounts are consistent with each other. It does not
//! prove that this host can run it (images, free names, capabilities): that is the business of whoever plans it.

mod container;
mod functions;
mod node;
mod pod;
mod resources;
mod rules;
mod security;
mod volume;

use std::path::Path;
use std::time::Duration;

use pinwire_shim::workload::Workload;
use pinwire_wiring::annotation::{Forwarding, Link};
use pinwire_wiring::name::{NodeName, TopologyName};
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest;
pub use crate::manifest::pod::RestartPolicy;
use crate::manifest::report::Report;
use crate::manifest::source::Source;
pub use functions::KindError;
use node::Draft;

/// Reads the manifests and checks them against each other; `-` is standard input. `name` overrides the topology's name.
///
/// Returns the topology with warnings about what has no effect here.
///
/// # Errors
/// All that is wrong, warnings included, in the order of the files.
pub fn load<P: AsRef<Path>>(
    paths: &[P],
    name: Option<&TopologyName>,
) -> Result<(Topology, Vec<Diagnostic>), Vec<Diagnostic>> {
    build(paths.iter().map(|path| Source::read(path.as_ref())), name)
}

/// Like [`load`], from memory: each manifest is what messages call it, and its bytes.
///
/// # Errors
/// As [`load`].
pub fn parse<N: Into<String>, B: Into<Vec<u8>>>(
    manifests: impl IntoIterator<Item = (N, B)>,
    name: Option<&TopologyName>,
) -> Result<(Topology, Vec<Diagnostic>), Vec<Diagnostic>> {
    build(
        manifests
            .into_iter()
            .map(|(name, bytes)| Source::new(name.into(), bytes.into())),
        name,
    )
}

fn build(
    sources: impl Iterator<Item = Result<Source, Box<Diagnostic>>>,
    name: Option<&TopologyName>,
) -> Result<(Topology, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut report = Report::default();
    let mut pods = Vec::new();
    for source in sources {
        match source {
            Ok(source) => pods.extend(manifest::read_pods(source, &mut report)),
            Err(error) => report.file_error(*error),
        }
    }
    let unread = report.errors() > 0;
    let drafts: Vec<_> = pods
        .iter()
        .map(|pod| node::draft(pod, name, &mut report))
        .collect();
    // Where a pod cannot be read, everything that names it would be reported as well.
    let complete = !unread && drafts.iter().all(Option::is_some);
    let drafts: Vec<Draft> = drafts.into_iter().flatten().collect();
    let found = node::check_names(&drafts, &mut report);
    let name = name.cloned().or(found);
    rules::check(&drafts, name.as_ref(), complete, &mut report);
    let errors = report.errors();
    let findings = report.finish();
    match name {
        Some(name) if errors == 0 => {
            let nodes = drafts.into_iter().map(|draft| draft.node).collect();
            Ok((Topology { name, nodes }, findings))
        }
        None if errors == 0 => Err(vec![nothing_given()]),
        _ => Err(findings),
    }
}

fn nothing_given() -> Diagnostic {
    let message = "no manifest is given".to_owned();
    Diagnostic {
        severity: Severity::Error,
        message,
        excerpt: None,
        related: Vec::new(),
        hint: None,
    }
}

/// A network of nodes on one host. Nodes keep the order of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// The topology's name: the annotation `pinwire.dev/topology`, or what overrides it.
    pub name: TopologyName,
    /// At least one node; names are unique.
    pub nodes: Vec<Node>,
}

/// One node: a pod and its ends of links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Unique within the topology: the pod's name, or the annotation `pinwire.dev/node`.
    pub name: NodeName,
    /// `metadata.name` of the pod.
    pub pod: String,
    /// `metadata.namespace` of the pod; `default` unless given.
    pub namespace: String,
    /// `spec.hostname`, or the pod's name.
    pub hostname: String,
    /// Ends of links, in the order of the manifest; both ends of every link agree.
    pub links: Vec<Link>,
    /// How the node forwards.
    pub forwarding: Forwarding,
    /// At least one container; names are unique within the node.
    pub containers: Vec<Container>,
    /// What happens when a container ends.
    pub restart_policy: RestartPolicy,
    /// Time between SIGTERM and SIGKILL (`terminationGracePeriodSeconds`); the caller's default where absent.
    pub grace: Option<Duration>,
}

/// One container of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Unique within the node, a DNS label.
    pub name: String,
    /// Image reference, as the manifest gives it.
    pub image: String,
    /// What it runs and within which limits.
    pub workload: Workload,
}

impl Topology {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }
}
