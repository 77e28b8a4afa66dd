//! Pods that cannot be together: two that [`pinwire_wiring::annotation::rule`] finds to disagree, or that want the same end of a link.

use super::pod::Pod;
use pinwire_wiring::annotation::rule::Finding;
use pinwire_wiring::annotation::{Link, Peer, rule};

/// Two pods that disagree, or want the same thing.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// What they say of the links between them does not go together, or only one of them can have it.
    #[error("{one} and {other} disagree: {finding}")]
    Rule {
        /// One pod.
        one: Pod,
        /// The other pod.
        other: Pod,
        /// In what.
        finding: Finding,
    },
    /// Two pods name the same interface as their peer.
    #[error("{one} and {other} both have a link to `{peer}`")]
    Contested {
        /// One pod.
        one: Pod,
        /// The other pod.
        other: Pod,
        /// The interface that both name.
        peer: Peer,
    },
}

impl Disagreement {
    /// What was found, where that was by a rule.
    pub(crate) fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Rule { finding, .. } => Some(finding),
            Self::Contested { .. } => None,
        }
    }
}

/// Whether two pods of one topology agree.
///
/// # Errors
/// The first [`Disagreement::Rule`].
pub fn agree(one: &Pod, other: &Pod) -> Result<(), Box<Disagreement>> {
    let findings = rule::between(one.rules(0), other.rules(1));
    let mut errors = findings.into_iter().filter(|finding| !finding.is_warning);
    errors.next().map_or(Ok(()), |finding| {
        Err(Box::new(Disagreement::Rule {
            one: one.clone(),
            other: other.clone(),
            finding,
        }))
    })
}

/// Whether a peer is the end of a pod's link.
pub(crate) fn names(peer: &Peer, pod: &Pod, link: &Link) -> bool {
    matches!(peer, Peer::Node { node, interface } if *node == pod.node && *interface == link.interface)
}
