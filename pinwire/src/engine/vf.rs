//! Virtual functions of a topology: attached one after the other, since each choice depends on the ones before, and given
//! back with or without a record.

use indicatif::ProgressBar;
use pinwire_cni::attach::record::Kind;
use pinwire_wiring::allocation::AllocationError;
use pinwire_wiring::allocation::end;
use pinwire_wiring::allocation::end::VfEnd;
use pinwire_wiring::ledger::{AttachmentName, State};
use pinwire_wiring::name::{InterfaceName, NodeName};

use crate::error::chain;
use crate::paths::TopologyPaths;

/// A virtual function that could not be attached.
#[derive(Debug, thiserror::Error)]
#[error("the link `{node}:{interface}` gets no virtual function of the pool `{pool}`")]
pub struct AttachError {
    node: NodeName,
    interface: InterfaceName,
    pool: String,
    source: Box<AllocationError>,
}

/// A virtual function that is not what it was.
#[derive(Debug, thiserror::Error)]
#[error("the virtual function of {name} is not given back")]
pub struct DetachError {
    name: Box<AttachmentName>,
    source: Box<AllocationError>,
}

/// Attaches one end.
pub(super) fn attach(paths: &TopologyPaths, end: &VfEnd) -> Result<(), AttachError> {
    end::attach(&State::at(&paths.plugin), end, Kind::vf()).map_err(|source| AttachError {
        node: end.node.clone(),
        interface: end.interface.clone(),
        pool: end.pool.clone(),
        source: Box::new(source),
    })
}

/// Gives back what some attachments hold. Goes on after errors and returns them all.
pub(super) fn detach(
    paths: &TopologyPaths,
    names: impl IntoIterator<Item = AttachmentName>,
    bar: &ProgressBar,
) -> Vec<DetachError> {
    let state = State::at(&paths.plugin);
    let mut errors = Vec::new();
    for name in names {
        let failed = end::detach(&state, &name);
        errors.extend(failed.into_iter().map(|source| DetachError {
            name: Box::new(name.clone()),
            source: Box::new(source),
        }));
        bar.inc(1);
    }
    errors
}

/// Whether the virtual function of an end is what it was made. What cannot be seen counts as no: it is attached anew then.
pub(super) fn is_intact(paths: &TopologyPaths, end: &VfEnd) -> bool {
    match end::intact(&State::at(&paths.plugin), end) {
        Ok(holding) => holding.is_some(),
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(error, interface = %end.interface, node = %end.node, "virtual function");
            false
        }
    }
}
