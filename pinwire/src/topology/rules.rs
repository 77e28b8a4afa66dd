//! What the rules ([`pinwire_wiring::annotation::rule`]) find in a topology, drawn where it is written. Nothing is decided here.

use pinwire_wiring::annotation::rule::{Finding, Key};
use pinwire_wiring::annotation::{FORWARDING, LINKS, rule};
use pinwire_wiring::name::TopologyName;

use super::node::Draft;
use crate::diagnostic::Severity;
use crate::manifest::report::Report;
use crate::manifest::source::Place;
use crate::manifest::tree::Tree;

/// Checks all nodes; what they say of each other only if all of them are there.
pub(super) fn check(
    drafts: &[Draft],
    topology: Option<&TopologyName>,
    complete: bool,
    report: &mut Report,
) {
    let nodes = drafts.iter().enumerate().map(|(index, draft)| rule::Node {
        index,
        topology,
        name: &draft.node.name,
        links: &draft.node.links,
        forwarding: &draft.node.forwarding,
    });
    let findings = rule::together(&nodes.collect::<Vec<_>>(), complete);
    show(findings, report, |place| {
        let draft = drafts.get(place.node)?;
        match place.path.split_first() {
            Some((Key::Name(annotation), path)) if annotation == LINKS => {
                Some(find(&draft.links, path))
            }
            Some((Key::Name(annotation), path)) if annotation == FORWARDING => {
                Some(find(&draft.forwarding, path))
            }
            _ => Some(draft.name_place),
        }
    });
}

/// Reports findings, each at the place in the text that `places` knows for it.
pub(super) fn show(
    findings: Vec<Finding>,
    report: &mut Report,
    places: impl Fn(&rule::Place) -> Option<Place>,
) {
    for finding in findings {
        let Some(place) = places(&finding.place) else {
            continue;
        };
        let severity = match finding.is_warning {
            true => Severity::Warning,
            false => Severity::Error,
        };
        let shown = report
            .add(severity, place, finding.message)
            .hint_if(finding.hint);
        if let Some((place, label)) = finding.related
            && let Some(place) = places(&place)
        {
            shown.related(place, label);
        }
    }
}

/// The place of the last value on a path that is there.
pub(super) fn find(tree: &Tree, path: &[Key]) -> Place {
    let Some((key, path)) = path.split_first() else {
        return tree.place;
    };
    match key {
        Key::Itself(key) => {
            // Of sysctls, both ways of writing are one key.
            let entry = tree
                .entry(key)
                .or_else(|| tree.entry(&key.replace('.', "/")));
            entry.map_or(tree.place, |entry| entry.key_place)
        }
        Key::Name(key) => tree.get(key).map_or(tree.place, |tree| find(tree, path)),
        Key::Item(index) => tree
            .items()
            .get(*index)
            .map_or(tree.place, |tree| find(tree, path)),
    }
}
