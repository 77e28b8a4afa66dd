//! How the text of an annotation is read as YAML, by whoever reads it: the limits, and which of its ways of writing count. What is
//! in it is for the types of [`super`].

/// Nesting of sequences and mappings; a pod needs about eight.
pub const DEPTH_MAX: usize = 40;
/// Sequences, mappings and scalars in one text; a pod of a topology has about sixty.
pub const NODES_MAX: usize = 1_000_000;
/// Values that aliases stand for, in one text.
pub const ALIASED_MAX: usize = 20_000;
/// Text in scalars, aliases followed, in bytes.
pub const TEXT_MAX: usize = 32 << 20;

/// The limits: depth, number of values, aliases (no bombs, no cycles), unique keys, YAML 1.2 booleans.
pub fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_documents: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_nodes: NODES_MAX,
            max_total_scalar_bytes: TEXT_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_MAX },
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}
