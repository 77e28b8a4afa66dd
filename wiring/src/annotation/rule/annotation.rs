//! Which annotations there are, and which names they may give. What is in them is for the other rules.

use super::finding::{Finding, Findings, Place};
use super::suggest;
use crate::annotation::{FORWARDING, LINKS, NODE, TOPOLOGY};
use crate::identity::HOST;
use crate::name::NodeName;

/// The start of all annotations of ours.
const PREFIX: &str = "pinwire.dev/";
const KNOWN: [&str; 4] = [TOPOLOGY, LINKS, FORWARDING, NODE];
/// Annotations of the design that this version does not carry out.
const LATER: [&str; 1] = ["pinwire.dev/isolation"];

/// What is wrong with the keys of a pod's annotations.
pub fn annotations<'a>(node: usize, keys: impl IntoIterator<Item = &'a str>) -> Vec<Finding> {
    let mut findings = Findings::default();
    let ours = keys.into_iter().filter(|key| key.starts_with(PREFIX));
    for key in ours.filter(|key| !KNOWN.contains(key)) {
        if LATER.contains(&key) {
            findings
                .error(
                    place(node, key),
                    format!("`{key}` is not supported by this version"),
                )
                .hint("remove it: nothing would be pinned or isolated");
        } else {
            let hint = suggest::hint(key, KNOWN);
            let hint =
                hint.unwrap_or_else(|| format!("the annotations are {}", suggest::list(&KNOWN)));
            findings
                .error(place(node, key), format!("there is no annotation `{key}`"))
                .hint(hint);
        }
    }
    findings.into()
}

/// Annotations of others, which are none of Pinwire's business, that look like its own.
pub fn look_alikes<'a>(node: usize, keys: impl IntoIterator<Item = &'a str>) -> Vec<Finding> {
    let mut findings = Findings::default();
    for key in keys.into_iter().filter(|key| !key.starts_with(PREFIX)) {
        if let Some(near) = suggest::nearest(key, KNOWN) {
            findings
                .warning(
                    place(node, key),
                    format!("`{key}` is not an annotation of Pinwire"),
                )
                .hint(format!("did you mean `{near}`?"));
        }
    }
    findings.into()
}

fn place(node: usize, key: &str) -> Place {
    let path = Vec::new();
    Place { node, path }.itself(key.to_owned())
}

/// The node that a text names.
///
/// # Errors
/// Why it names none, and what to do about it.
pub fn node_name(text: &str) -> Result<NodeName, (String, String)> {
    if text == HOST {
        return Err((
            format!("a node cannot be named `{HOST}`"),
            format!(
                "`{HOST}` in a peer means this host's own network namespace: choose another name"
            ),
        ));
    }
    text.parse().map_err(|error| {
        let hint = format!("the node is named by the pod, or by the annotation `{NODE}: NAME`");
        (error, hint)
    })
}
