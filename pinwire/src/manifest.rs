//! Manifests as they are written: files of Kubernetes pods, read strictly and with their places in the text.
//!
//! Nothing of this outlives [`crate::topology::load`], which makes the typed topology of it.

mod access;
pub(crate) mod annotation;
pub(crate) mod parse;
pub(crate) mod pod;
pub(crate) mod quantity;
pub(crate) mod read;
mod reader;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) use pinwire_wiring::annotation::rule::suggest;
mod syntax;
pub(crate) mod tree;
mod unsupported;
mod wording;

use read::Dialect;
use report::Report;
use source::{Place, Source};
use tree::{Tree, Value};

/// A pod and the tree it was read from.
#[derive(Debug)]
pub(crate) struct PodDocument {
    pub(crate) pod: pod::Pod,
    pub(crate) tree: Tree,
}

/// Reads the pods of one manifest: documents of kind Pod or List.
pub(crate) fn read_pods(source: Source, report: &mut Report) -> Vec<PodDocument> {
    let number = report.add_source(source);
    let documents = match parse::parse(report.sources().text(number), number) {
        Ok(documents) => documents,
        Err(error) => {
            report.syntax_error(Place::new(number, error.range.clone()), error);
            return Vec::new();
        }
    };
    let mut pods = Vec::new();
    for document in documents {
        collect(document, true, report, &mut pods);
    }
    if pods.is_empty() && report.errors() == 0 {
        let hint =
            "a topology needs at least one: `pinwire generate chain --nodes 2` writes an example";
        report
            .error(Place::new(number, 0..0), "there is no pod in this file")
            .hint(hint);
    }
    pods
}

/// Takes the pod of a document, or those of a list; a list holds no lists.
fn collect(document: Tree, list_allowed: bool, report: &mut Report, pods: &mut Vec<PodDocument>) {
    let kind = match &document.value {
        // `---` with nothing after it.
        Value::Null => return,
        Value::Mapping(_) => document.get("kind"),
        _ => {
            let message = format!(
                "a document of a manifest is a mapping such as a pod, not {}",
                document.kind()
            );
            report
                .error(document.place, message)
                .hint("it begins with `apiVersion: v1` and `kind: Pod`");
            return;
        }
    };
    let name = match kind {
        Some(Tree {
            value: Value::Text(name),
            ..
        }) => name.as_str(),
        Some(other) => {
            report.error(other.place, format!("`kind` is text, not {}", other.kind()));
            return;
        }
        None => {
            report
                .error(document.place, "`kind` is missing")
                .hint("it begins with `apiVersion: v1` and `kind: Pod`");
            return;
        }
    };
    match name {
        "Pod" => {
            check_version(&document, report);
            if let Some(pod) = read::read(&document, Dialect::Kubernetes, report) {
                pods.push(PodDocument {
                    pod,
                    tree: document,
                });
            }
        }
        "List" | "PodList" if list_allowed => {
            check_version(&document, report);
            collect_items(document, report, pods);
        }
        other => {
            let place = document.place_of("kind");
            let hint = suggest::hint(other, ["Pod", "List"]);
            let hint = hint.unwrap_or_else(|| {
                "a topology is made of pods: `kind: Pod`, or a `List` of them".to_owned()
            });
            report
                .error(place, format!("the kind `{other}` is not supported"))
                .hint(hint);
        }
    }
}

fn collect_items(list: Tree, report: &mut Report, pods: &mut Vec<PodDocument>) {
    let place = list.place;
    let Value::Mapping(entries) = list.value else {
        return;
    };
    let mut found = false;
    for entry in entries {
        match (entry.key.as_str(), entry.value.value) {
            ("items", Value::Sequence(items)) => {
                found = true;
                for item in items {
                    collect(item, false, report, pods);
                }
            }
            ("items", _) => {
                found = true;
                report.error(entry.key_place, "`items` is not a list");
            }
            ("apiVersion" | "kind" | "metadata", _) => {}
            (other, _) => {
                let hint = suggest::hint(other, ["apiVersion", "kind", "metadata", "items"]);
                report
                    .error(entry.key_place, format!("a list has no key `{other}`"))
                    .hint_if(hint);
            }
        }
    }
    if !found {
        report
            .error(place, "`items` is missing")
            .hint("a list holds its pods under `items`");
    }
}

fn check_version(document: &Tree, report: &mut Report) {
    match document.get("apiVersion").map(|version| &version.value) {
        Some(Value::Text(version)) if version == "v1" => {}
        Some(_) => {
            report.error(
                document.place_of("apiVersion"),
                "pods are of `apiVersion: v1`",
            );
        }
        None => {
            report
                .error(document.place, "`apiVersion` is missing")
                .hint("pods are of `apiVersion: v1`");
        }
    }
}
