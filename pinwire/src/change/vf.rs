//! Which virtual functions come and go. Pure.

use std::collections::{HashMap, HashSet};

use pinwire_wiring::allocation::end::VfEnd;

use super::{NodeChanges, Observed};
use crate::plan::Deployment;

/// The ends that are virtual functions: those to give back, and those to attach. Where an end is in the old deployment in two variants, which is the union of two,
/// nobody knows which of them stands: it is attached anew.
pub(super) fn changes(
    old: &Deployment,
    observed: &Observed,
    new: &Deployment,
    nodes: &NodeChanges,
) -> (Vec<VfEnd>, Vec<VfEnd>) {
    let seen: HashSet<&String> = observed
        .nodes
        .values()
        .flat_map(|node| &node.altnames)
        .collect();
    let mut known: HashMap<&String, Vec<&VfEnd>> = HashMap::new();
    for end in &old.functions {
        known.entry(&end.altname).or_default().push(end);
    }
    let stands = |end: &VfEnd| {
        known
            .get(&end.altname)
            .is_some_and(|variants| variants[..] == [end])
            && !nodes.absent.contains(&end.netns)
            && seen.contains(&end.altname)
    };
    let kept: HashSet<_> = new
        .functions
        .iter()
        .filter(|end| stands(end))
        .map(|end| &end.altname)
        .collect();
    let pick = |ends: &[VfEnd]| {
        let picked = ends.iter().filter(|end| !kept.contains(&end.altname));
        picked.cloned().collect()
    };
    (pick(&old.functions), pick(&new.functions))
}
