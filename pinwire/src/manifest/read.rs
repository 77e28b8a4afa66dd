//! Reads a [`Tree`] into typed values, reporting *every* fault instead of the first one.
//!
//! Unknown keys are reported and skipped. A value that cannot be read is reported, then the reading is repeated without
//! it, until nothing new turns up. What the values mean together is not known here.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeOwned};

use super::reader::Reader;
use super::report::Report;
use super::source::{Place, Sources};
use super::suggest;
use super::tree::{Entry, Tree};
use super::unsupported::{self, Verdict};
use super::wording;
use crate::diagnostic::Severity;

/// After this many faults the rest of a document is not looked at.
const ROUNDS_MAX: usize = 50;

/// Reads `tree` as a `T`. `None` if there was an error, which is in the report then.
pub(crate) fn read<T: DeserializeOwned>(
    tree: &Tree,
    dialect: Dialect,
    report: &mut Report,
) -> Option<T> {
    let reading = Reading {
        dialect,
        sources: report.sources(),
        skipped: RefCell::default(),
        findings: RefCell::default(),
    };
    let errors_before = report.errors();
    let mut value = None;
    for _ in 0..ROUNDS_MAX {
        match T::deserialize(Reader {
            tree,
            reading: &reading,
        }) {
            Ok(read) => value = Some(read),
            // There is something new to leave out.
            Err(fault) => {
                if reading.note(fault, tree) {
                    continue;
                }
            }
        }
        break;
    }
    let mut seen = HashSet::new();
    for finding in reading.findings.into_inner() {
        if seen.insert((finding.place, finding.message.clone())) {
            report
                .add(finding.severity, finding.place, finding.message)
                .hint_if(finding.hint);
        }
    }
    value.filter(|_| report.errors() == errors_before)
}

/// Who else reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Kubernetes, whose YAML 1.1 takes an unquoted `yes` for a boolean.
    Kubernetes,
    /// Nobody: the text of an annotation.
    Pinwire,
}

/// A finding, before it is known to be new.
struct Noted {
    severity: Severity,
    place: Place,
    message: String,
    hint: Option<String>,
}

pub(super) struct Reading<'a> {
    pub(super) dialect: Dialect,
    pub(super) sources: &'a Sources,
    /// Values that cannot be read, by identity; they are left out when reading again.
    skipped: RefCell<HashSet<*const Tree>>,
    findings: RefCell<Vec<Noted>>,
}

pub(super) fn identity(tree: &Tree) -> *const Tree {
    tree
}

impl Reading<'_> {
    /// Takes a fault down; false if reading again would end the same way.
    fn note(&self, fault: Fault, root: &Tree) -> bool {
        let culprit = fault.culprit.unwrap_or(identity(root));
        let mut skipped = self.skipped.borrow_mut();
        let mut findings = self.findings.borrow_mut();
        // A missing field that was left out for its value or is misspelt has been reported already.
        if !fault.known {
            let place = fault.place.unwrap_or(root.place);
            findings.push(Noted {
                severity: Severity::Error,
                place,
                message: fault.message,
                hint: fault.hint,
            });
        }
        skipped.insert(culprit) && culprit != identity(root)
    }

    pub(super) fn is_skipped(&self, tree: &Tree) -> bool {
        self.skipped.borrow().contains(&identity(tree))
    }

    /// Whether a struct reads the entry; tells what becomes of it otherwise.
    pub(super) fn accepts(
        &self,
        name: &'static str,
        fields: &'static [&'static str],
        entry: &Entry,
    ) -> bool {
        if fields.contains(&entry.key.as_str()) {
            return true;
        }
        let key = &entry.key;
        let (severity, message, hint) = match unsupported::verdict(name, key) {
            Some(_) if entry.value.is_unset() => return false,
            Some(Verdict::NoEffect(why)) => (
                Severity::Warning,
                format!("`{key}` has no effect here: {why}"),
                None,
            ),
            Some(Verdict::Refused(why)) => (
                Severity::Error,
                format!("`{key}` is not supported: {why}"),
                None,
            ),
            None => {
                let known = fields.iter().copied().chain(unsupported::keys(name));
                let hint = suggest::hint(key, known)
                    .unwrap_or_else(|| format!("its keys are {}", suggest::list(fields)));
                (
                    Severity::Error,
                    format!("{} has no key `{key}`", wording::title(name)),
                    Some(hint),
                )
            }
        };
        self.findings.borrow_mut().push(Noted {
            severity,
            place: entry.key_place,
            message,
            hint,
        });
        false
    }
}

/// Why a value cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) place: Option<Place>,
    /// The value to leave out next time.
    pub(super) culprit: Option<*const Tree>,
    /// The field that is missing.
    pub(super) missing: Option<&'static str>,
    /// Whether the cause has been reported already.
    pub(super) known: bool,
}

impl Fault {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            hint: None,
            place: None,
            culprit: None,
            missing: None,
            known: false,
        }
    }

    /// Fills in what to write, unless that has been said.
    pub(super) fn in_field(mut self, name: &str, key: &str) -> Self {
        self.hint = self
            .hint
            .or_else(|| wording::hint(name, key).map(str::to_owned));
        self
    }

    /// Says which struct lacks the field, if that is the fault.
    pub(super) fn in_struct(mut self, name: &str, reported: impl FnOnce(&str) -> bool) -> Self {
        if let Some(field) = self.missing.filter(|_| self.place.is_none()) {
            self.message = format!("{} lacks `{field}`", wording::title(name));
            self.known = reported(field);
        }
        self
    }

    /// Fills in where, unless a deeper value has done so.
    pub(super) fn at(mut self, tree: &Tree) -> Self {
        self.place.get_or_insert(tree.place);
        self.culprit.get_or_insert(identity(tree));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format!("`{field}` is missing"))
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self {
            hint: suggest::hint(variant, expected.iter().copied()),
            ..Self::new(format!(
                "`{variant}` is none of {}",
                suggest::list(expected)
            ))
        }
    }
}
