//! The same pods, read by both readers: as a manifest by `pinwire`, and pod by pod, pair by pair by the CNI plugin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pinwire::topology::{self, Topology};
use pinwire_cni::cni::arguments::Arguments;
use pinwire_cni::topology::agreement::agree;
use pinwire_cni::topology::pod::Pod;
use pinwire_wiring::annotation::Peer;
use serde_json::Value;

/// A pod as both see it: its name and annotations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What `pinwire validate` says that no CNI call can know, and why.
const UNSEEN: [(&str, &str); 6] = [
    (
        "there is no node",
        "a peer that is not there yet is no error: it may come",
    ),
    (
        "belongs to no topology",
        "a pod without annotations of Pinwire's is not its business",
    ),
    (
        "two links end at the host's interface",
        "of pods without a link between them the state knows (error 103)",
    ),
    ("the address", "two nodes that share no link never meet"),
    ("the MAC address", "two nodes that share no link never meet"),
    (
        "is not a name: write a DNS subdomain",
        "names of pods are Kubernetes' own",
    ),
];

/// What makes pods never meet, so that nothing between them is seen either.
const APART: [(&str, &str); 2] = [
    (
        "belongs to the topology",
        "pods of two topologies never meet",
    ),
    (
        "two pods are the node",
        "the second waits until the first is gone: the state knows (error 11)",
    ),
];

/// The pods of a manifest.
///
/// # Errors
/// Why a CNI call never sees them.
pub(crate) fn pods(manifest: &str) -> Result<Vec<Written>, &'static str> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(manifest).map_err(|_| "the manifest is no YAML")?;
    let mut pods = Vec::new();
    for document in &documents {
        match document["kind"].as_str() {
            Some("Pod") => pods.push(pod(document)?),
            Some("List" | "PodList") => {
                let items = document["items"].as_array().ok_or("a list without items")?;
                for item in items {
                    pods.push(pod(item)?);
                }
            }
            _ if document.is_null() => {}
            _ => return Err("it is no pod"),
        }
    }
    match pods.is_empty() {
        true => Err("there is no pod"),
        false => Ok(pods),
    }
}

fn pod(document: &Value) -> Result<Written, &'static str> {
    let metadata = &document["metadata"];
    let annotations = match &metadata["annotations"] {
        Value::Null => BTreeMap::new(),
        annotations => serde_json::from_value(annotations.clone())
            .map_err(|_| "Kubernetes takes text for annotations only")?,
    };
    let text = |key: &str| metadata[key].as_str().map(str::to_owned);
    Ok(Written {
        namespace: text("namespace"),
        name: text("name").ok_or("the pod has no name")?,
        annotations,
    })
}

/// A manifest of the pods, with nothing but what both see.
pub(crate) fn manifest(pods: &[Written]) -> String {
    let mut text = String::new();
    for pod in pods {
        let mut metadata = serde_json::json!({"name": pod.name, "annotations": pod.annotations});
        if let Some(namespace) = &pod.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        let spec =
            r#"{"containers": [{"name": "node", "image": "localhost/pinwire-node:latest"}]}"#;
        writeln!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {spec}"
        )
        .unwrap();
    }
    text
}

/// The pods as `pinwire` reads them.
///
/// # Errors
/// All messages.
pub(crate) fn validated(pods: &[Written]) -> Result<Topology, Vec<String>> {
    let errors = |diagnostics: Vec<pinwire::diagnostic::Diagnostic>| {
        let errors = diagnostics.into_iter();
        errors
            .filter(|one| one.severity == pinwire::diagnostic::Severity::Error)
            .map(|one| one.message)
            .collect()
    };
    topology::parse([("t.yaml", manifest(pods))], None)
        .map(|(topology, _)| topology)
        .map_err(errors)
}

/// The pods as calls of the CNI plugin read them, one after the other, each with those that are there and share a link with it.
///
/// # Errors
/// What the first call fails with.
pub(crate) fn called(pods: &[Written]) -> Result<Vec<Pod>, String> {
    let mut there: Vec<Pod> = Vec::new();
    for written in pods {
        let arguments = Arguments {
            pod_namespace: written.namespace.clone(),
            pod_name: Some(written.name.clone()),
            ..Arguments::default()
        };
        let read = Pod::read(&written.annotations, &arguments);
        let Some(pod) = read.map_err(|error| error.to_string())? else {
            continue;
        };
        for other in there.iter().filter(|other| meet(&pod, other)) {
            agree(&pod, other).map_err(|error| error.to_string())?;
            agree(other, &pod).map_err(|error| error.to_string())?;
        }
        there.push(pod);
    }
    Ok(there)
}

fn meet(one: &Pod, other: &Pod) -> bool {
    let names = |pod: &Pod, other: &Pod| {
        let mut peers = pod.links.iter().filter_map(|link| link.peer.as_ref());
        peers.any(|peer| matches!(peer, Peer::Node { node, .. } if *node == other.node))
    };
    one.topology == other.topology && (names(one, other) || names(other, one))
}

/// Fails unless both readers come to the same verdict, which is returned.
pub(crate) fn verdict(name: &str, pods: &[Written]) -> Option<(Topology, Vec<Pod>)> {
    let says = |list: &[(&str, &str)], message: &String| {
        list.iter().any(|(part, _)| message.contains(part))
    };
    let unseen = |errors: &[String]| {
        errors.iter().any(|error| says(&APART, error))
            || errors.iter().all(|error| says(&UNSEEN, error))
    };
    match (validated(pods), called(pods)) {
        (Ok(topology), Ok(pods)) => Some((topology, pods)),
        (Err(_), Err(_)) => None,
        (Ok(_), Err(error)) => panic!("{name}: only the plugin refuses it: {error}"),
        (Err(errors), Ok(_)) if unseen(&errors) => None,
        (Err(errors), Ok(_)) => panic!("{name}: only `pinwire` refuses it: {errors:#?}"),
    }
}
