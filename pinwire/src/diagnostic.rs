//! What is wrong with a manifest, where, and what to do about it: as data, as text like rustc's, and as JSON.
//!
//! A [`Diagnostic`] owns the source lines that it shows, so it outlives the manifest. Finding faults is not done here.

use std::fmt;

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifest is refused.
    Error,
    /// The manifest runs, but a part of it has no effect here.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where; absent where a file as a whole is at fault, which the message then names.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
    /// Other places that have to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Excerpt>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A place in a manifest, with its source line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Excerpt {
    /// The file as the user named it; `-` for standard input.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The source line, or the part of a very long line around the column.
    pub source: String,
    /// Bytes of `source` that are meant.
    #[serde(skip)]
    pub span: std::ops::Range<usize>,
    /// Characters left out before `source`.
    #[serde(skip)]
    pub skipped: usize,
    /// What is to be said of the place, if the message does not say it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Diagnostic {
    /// A finding that concerns a whole file, or all of them.
    pub(crate) fn of_file(severity: Severity, message: String) -> Self {
        Self {
            severity,
            message,
            excerpt: None,
            related: Vec::new(),
            hint: None,
        }
    }

    /// The finding as text, several lines without a final newline, with ANSI colours if `colour`.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[self.group()])
    }

    fn group(&self) -> Group<'_> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level
            .primary_title(normalize_untrusted_str(&self.message))
            .elements(Vec::<Origin<'_>>::new());
        let primary = self
            .excerpt
            .iter()
            .map(|excerpt| (excerpt, AnnotationKind::Primary));
        let related = self
            .related
            .iter()
            .map(|excerpt| (excerpt, AnnotationKind::Context));
        for (excerpt, kind) in primary.chain(related) {
            group = excerpt.add_to(group, kind);
        }
        match &self.hint {
            Some(hint) => group.element(Level::HELP.message(normalize_untrusted_str(hint))),
            None => group,
        }
    }
}

impl Excerpt {
    fn add_to<'a>(&'a self, group: Group<'a>, kind: AnnotationKind) -> Group<'a> {
        let mut annotation = kind.span(self.span.clone());
        if !self.label.is_empty() {
            annotation = annotation.label(&self.label);
        }
        let snippet = Snippet::source(&self.source)
            .line_start(self.line)
            .annotation(annotation);
        let file = normalize_untrusted_str(&self.file);
        if self.skipped == 0 {
            return group.element(snippet.path(file));
        }
        // The renderer counts columns in what it is given, which here is not the whole line.
        group
            .element(Origin::path(file).line(self.line).char_column(self.column))
            .element(snippet)
    }
}

impl fmt::Display for Diagnostic {
    /// The plain text of [`Diagnostic::render`].
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

/// Whether any of the findings is an error.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Writes all findings to standard error, with colours only where that is a terminal that wants them.
pub fn print_all(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        anstream::eprintln!("{}\n", diagnostic.render(true));
    }
}
