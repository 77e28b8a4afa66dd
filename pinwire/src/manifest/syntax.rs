//! Why a text is not YAML, or beyond the limits of a manifest, in words for the person who wrote it.

use std::borrow::Cow;
use std::ops::Range;

use pinwire_wiring::annotation::text::{ALIASED_MAX, DEPTH_MAX, NODES_MAX, TEXT_MAX};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Location, MessageFormatter, UserMessageFormatter};

/// Why a text is not YAML, and where: a range of bytes of the text.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
    pub(crate) range: Range<usize>,
}

impl SyntaxError {
    /// Words for an error of the library in `text`.
    pub(super) fn new(text: &str, error: &Error) -> Self {
        let error = error.without_snippet();
        let range = error
            .location()
            .map_or(0..0, |location| range(text, location));
        let (message, hint): (Cow<'_, str>, _) = match error {
            Error::DuplicateMappingKey { key, .. } => {
                let key = key.as_deref().unwrap_or("this key");
                (
                    format!("`{key}` is given twice").into(),
                    Some("remove one of them: which one counts differs among readers"),
                )
            }
            Error::RecursiveReferencesRequireWeakTypes { .. } => (
                "the alias stands for a value that contains the alias itself".into(),
                Some("write the value out"),
            ),
            Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. } => (
                format!("aliases stand for more than {ALIASED_MAX} values").into(),
                Some("write the values out"),
            ),
            Error::UnknownAnchor { .. } => (
                "no value is anchored by this name".into(),
                Some("anchor it with `&NAME` before it is used"),
            ),
            Error::AliasError { error, .. } => {
                return Self {
                    range,
                    ..Self::new(text, error)
                };
            }
            Error::Budget { breach, .. } => (budget(breach).into(), None),
            Error::UnsupportedTag { tag, .. } => (
                format!("the tag `{tag}` means nothing in a manifest").into(),
                None,
            ),
            other => (
                UserMessageFormatter.format_message(other),
                tab_hint(text, &range),
            ),
        };
        Self {
            message: message.into_owned(),
            hint,
            range,
        }
    }
}

/// Bytes where the library tells them; otherwise found from line and column.
pub(super) fn range(text: &str, location: Location) -> Range<usize> {
    let span = location.span();
    if let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) {
        let start = usize::try_from(start).unwrap_or(0);
        return start..start.saturating_add(usize::try_from(length).unwrap_or(0));
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1) - 1;
    let column = usize::try_from(location.column()).unwrap_or(1).max(1) - 1;
    let line_start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(line_start..).unwrap_or("");
    let start = line_start
        + rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(index, _)| index);
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    start..end
}

fn budget(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => format!("values are nested deeper than {DEPTH_MAX} levels"),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            format!("more than {NODES_MAX} values in one file")
        }
        BudgetBreach::ScalarBytes { .. } => {
            format!("more than {} MiB of text, aliases followed", TEXT_MAX >> 20)
        }
        BudgetBreach::AliasAnchorRatio { aliases, anchors } => {
            format!("{aliases} aliases of only {anchors} anchors")
        }
        other => format!("beyond the limits of a manifest: {other:?}"),
    }
}

/// The library does not name tabs as the cause everywhere that they are.
fn tab_hint(text: &str, range: &Range<usize>) -> Option<&'static str> {
    let start = text.floor_char_boundary(range.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let mut lines = text[line_start..].split('\n').take(2);
    let indented_by_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    lines
        .any(indented_by_tab)
        .then_some("YAML allows no tab characters as indentation: use spaces")
}
