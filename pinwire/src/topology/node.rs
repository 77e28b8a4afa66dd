//! One pod becomes one node: its names, annotations and everything that can be checked without the other pods.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use pinwire_wiring::annotation::{FORWARDING, Forwarding, LINKS, Link, NODE, TOPOLOGY, rule};
use pinwire_wiring::name::{NodeName, TopologyName};

use super::{Node, container, pod, rules};
use crate::manifest::read::Dialect;
use crate::manifest::report::Report;
use crate::manifest::source::Place;
use crate::manifest::tree::{Entry, Tree, Value};
use crate::manifest::{PodDocument, annotation, read};

/// A node with the places of what it was made of.
pub(super) struct Draft {
    pub(super) node: Node,
    pub(super) topology: Option<TopologyName>,
    pub(super) topology_place: Place,
    pub(super) name_place: Place,
    /// The list of the links; its items are those of `node.links`.
    pub(super) links: Tree,
    /// The mapping of the forwarding.
    pub(super) forwarding: Tree,
}

impl Draft {
    /// The name, for messages.
    pub(super) fn name(&self) -> &str {
        self.node.name.as_str()
    }
}

/// Makes a draft of a pod. `None` if the pod's part of the topology cannot be read, which is in the report then.
pub(super) fn draft(
    document: &PodDocument,
    renamed: Option<&TopologyName>,
    report: &mut Report,
) -> Option<Draft> {
    let PodDocument { pod: written, tree } = document;
    let metadata = tree.value("metadata");
    let annotations = metadata.value("annotations");
    check_annotations(annotations, report);
    if !written.metadata.labels.is_empty()
        && let Some(entry) = metadata.entry("labels")
    {
        report.warning(
            entry.key_place,
            "labels have no effect here: nothing selects pods by them",
        );
    }
    let topology = topology_name(document, renamed, report);
    let named_by = annotations.entry(NODE).or(metadata.entry("name"));
    let name: Option<NodeName> = named_by.and_then(|entry| node_name(entry, report));
    let (links, link_tree) = read_annotation::<Vec<Link>>(annotations, LINKS, report)?;
    let (forwarding, forwarding_tree) =
        read_annotation::<Forwarding>(annotations, FORWARDING, report)?;
    let spec = tree.value("spec");
    let containers = container::build(&written.spec, spec, report);
    pod::check(document, report);
    let node = Node {
        name: name?,
        pod: written.metadata.name.clone(),
        namespace: written
            .metadata
            .namespace
            .clone()
            .unwrap_or_else(|| "default".to_owned()),
        hostname: pod::hostname(document, report),
        links,
        forwarding,
        containers,
        restart_policy: written.spec.restart_policy.unwrap_or_default(),
        grace: written
            .spec
            .termination_grace_period_seconds
            .map(|seconds| Duration::from_secs(seconds.into())),
    };
    if node.links.is_empty() {
        report.warning(
            metadata.place_of("name"),
            format!("the node `{}` has no links", node.name),
        );
    }
    let topology_place = annotations
        .get(TOPOLOGY)
        .map_or(metadata.place_of("name"), |tree| tree.place);
    let name_place = named_by.map_or(metadata.place, |entry| entry.value.place);
    Some(Draft {
        node,
        topology,
        topology_place,
        name_place,
        links: link_tree,
        forwarding: forwarding_tree,
    })
}

/// Checks that names are unique and that all pods belong to the same topology, whose name it returns.
pub(super) fn check_names(drafts: &[Draft], report: &mut Report) -> Option<TopologyName> {
    let mut by_name = HashMap::new();
    for draft in drafts {
        if let Some(first) = by_name.insert(draft.name(), draft.name_place) {
            report
                .error(
                    draft.name_place,
                    format!("two pods are the node `{}`", draft.name()),
                )
                .related(first, "the first one")
                .hint("rename one of them: the name of a node is unique in its topology");
        }
    }
    let mut named = drafts
        .iter()
        .filter_map(|draft| Some((draft, draft.topology.as_ref()?)));
    let (first, topology) = named.next()?;
    for (draft, other) in named {
        if other != topology {
            let message = format!(
                "the pod `{}` belongs to the topology `{other}`, others to `{topology}`",
                draft.node.pod
            );
            report
                .error(draft.topology_place, message)
                .related(first.topology_place, "the first pod")
                .hint("one command runs one topology: use the same name, or separate the files");
        }
    }
    Some(topology.clone())
}

fn check_annotations(annotations: &Tree, report: &mut Report) {
    let keys = || annotations.entries().iter().map(|entry| entry.key.as_str());
    let mut findings = rule::annotations(0, keys());
    findings.extend(rule::look_alikes(0, keys()));
    rules::show(findings, report, |place| {
        Some(rules::find(annotations, &place.path))
    });
}

fn topology_name(
    document: &PodDocument,
    renamed: Option<&TopologyName>,
    report: &mut Report,
) -> Option<TopologyName> {
    let metadata = document.tree.value("metadata");
    match metadata.value("annotations").get(TOPOLOGY) {
        Some(tree) => parse(tree, report),
        None if renamed.is_some() => None,
        None => {
            let message = format!(
                "the pod `{}` belongs to no topology",
                document.pod.metadata.name
            );
            let hint = format!("add the annotation `{TOPOLOGY}: NAME`");
            report.error(metadata.place_of("name"), message).hint(hint);
            None
        }
    }
}

fn node_name(entry: &Entry, report: &mut Report) -> Option<NodeName> {
    let Value::Text(text) = &entry.value.value else {
        return None;
    };
    rule::node_name(text)
        .map_err(|(error, hint)| report.error(entry.value.place, error).hint(hint))
        .ok()
}

/// Text that must be a name.
fn parse<T: FromStr<Err = String>>(tree: &Tree, report: &mut Report) -> Option<T> {
    let Value::Text(text) = &tree.value else {
        return None;
    };
    text.parse()
        .map_err(|error: String| report.error(tree.place, error))
        .ok()
}

fn read_annotation<T: serde::de::DeserializeOwned + Default>(
    annotations: &Tree,
    key: &str,
    report: &mut Report,
) -> Option<(T, Tree)> {
    let empty = |place| {
        (
            T::default(),
            Tree {
                value: Value::Null,
                place,
            },
        )
    };
    let Some(entry) = annotations.entry(key) else {
        return Some(empty(annotations.place));
    };
    let tree = annotation::read(&entry.value, report)?;
    if matches!(tree.value, Value::Null) {
        return Some(empty(tree.place));
    }
    Some((read::read(&tree, Dialect::Pinwire, report)?, tree))
}
