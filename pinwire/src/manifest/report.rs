//! The texts of one reading and the findings in them, in the order of the texts. What is wrong is decided elsewhere.

use std::collections::HashMap;
use std::ops::Range;

use super::source::{Place, Source, Sources};
use super::syntax::SyntaxError;
use super::tree::Tree;
use crate::diagnostic::{Diagnostic, Severity};

/// More errors than these are not shown: they would bury the first one, which is the one to repair.
const ERRORS_MAX: usize = 50;
/// The same warning is shown for this many pods.
const SAME_WARNING_MAX: usize = 3;

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sources: Sources,
    findings: Vec<(Option<Place>, Diagnostic)>,
    errors: usize,
    warnings: HashMap<String, usize>,
}

impl Report {
    /// Takes a text; returns its number.
    pub(crate) fn add_source(&mut self, source: Source) -> u32 {
        self.sources.add(source)
    }

    /// The texts.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// How many errors there are, those that are not shown included.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Adds an error that concerns a whole file, or none.
    pub(crate) fn file_error(&mut self, diagnostic: Diagnostic) {
        self.errors += 1;
        self.findings.push((None, diagnostic));
    }

    /// Adds an error; what to do about it follows with [`OpenFinding::hint`].
    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>) -> OpenFinding<'_> {
        self.add(Severity::Error, place, message.into())
    }

    /// Adds why a text is not YAML.
    pub(crate) fn syntax_error(&mut self, place: Place, error: SyntaxError) {
        self.error(place, error.message)
            .hint_if(error.hint.map(str::to_owned));
    }

    /// The one document that a text may have, `None` where it is empty; `place` says where a range of the text is. More than
    /// one, and a text that is no YAML, is an error in the report.
    pub(crate) fn only(
        &mut self,
        documents: Result<Vec<Tree>, SyntaxError>,
        what: &str,
        place: impl Fn(Range<usize>) -> Place,
    ) -> Option<Option<Tree>> {
        match documents {
            Err(error) => self.syntax_error(place(error.range.clone()), error),
            Ok(mut documents) => {
                let Some(second) = documents.get(1) else {
                    return Some(documents.pop());
                };
                let message = format!("{what} one YAML document, and this is a second one");
                self.error(place(second.place.range()), message);
            }
        }
        None
    }

    /// Adds a warning.
    pub(crate) fn warning(&mut self, place: Place, message: impl Into<String>) -> OpenFinding<'_> {
        self.add(Severity::Warning, place, message.into())
    }

    /// Adds a finding.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        place: Place,
        message: String,
    ) -> OpenFinding<'_> {
        let shown = match severity {
            Severity::Error => {
                self.errors += 1;
                self.errors <= ERRORS_MAX
            }
            Severity::Warning => {
                let count = self.warnings.entry(message.clone()).or_default();
                *count += 1;
                *count <= SAME_WARNING_MAX
            }
        };
        let sources = &self.sources;
        if !shown {
            return OpenFinding {
                diagnostic: None,
                sources,
            };
        }
        let excerpt = sources.excerpt(place, "");
        let diagnostic = Diagnostic {
            excerpt,
            ..Diagnostic::of_file(severity, message)
        };
        self.findings.push((Some(place), diagnostic));
        OpenFinding {
            diagnostic: self.findings.last_mut().map(|(_, diagnostic)| diagnostic),
            sources,
        }
    }

    /// All findings: those of whole files first, then in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.findings
            .sort_by_key(|(place, diagnostic)| (*place, diagnostic.severity));
        let mut all: Vec<_> = self
            .findings
            .into_iter()
            .map(|(_, diagnostic)| diagnostic)
            .collect();
        let mut repeated: Vec<_> = self
            .warnings
            .into_iter()
            .filter(|(_, count)| *count > SAME_WARNING_MAX)
            .collect();
        repeated.sort();
        for (message, count) in repeated {
            let times = count - SAME_WARNING_MAX;
            all.push(Diagnostic::of_file(
                Severity::Warning,
                format!("{message} (the same in {times} more places)"),
            ));
        }
        if self.errors > ERRORS_MAX {
            all.push(Diagnostic::of_file(
                Severity::Error,
                format!("{} more errors are not shown", self.errors - ERRORS_MAX),
            ));
        }
        all
    }
}

/// A finding to which more can be said.
pub(crate) struct OpenFinding<'a> {
    /// Absent where there are too many to show.
    diagnostic: Option<&'a mut Diagnostic>,
    sources: &'a Sources,
}

impl OpenFinding<'_> {
    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.diagnostic {
            diagnostic.hint = Some(hint.into());
        }
        self
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint_if(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Another place that has to do with it.
    pub(crate) fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.diagnostic {
            diagnostic
                .related
                .extend(self.sources.excerpt(place, label));
        }
        self
    }
}
