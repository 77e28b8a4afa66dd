//! What a rule has found, where, and what to do about it. Not here: how it is shown.
//!
//! Each finding is written where its rule stands and nobody acts on which one it is, so that it is a sentence and no variant.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// Something that is wrong with annotations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Finding {
    /// The value that is wrong.
    pub place: Place,
    /// What is wrong with it: a clause that stands by itself, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another value that has to do with it, and what it is.
    pub related: Option<(Place, String)>,
    /// Whether all runs nevertheless.
    pub is_warning: bool,
}

/// A value of a node's annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// [`super::Node::index`] of the node.
    pub node: usize,
    /// The way to it: the annotation first. What is not there stands for the last that is.
    pub path: Vec<Key>,
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// To the value of a key.
    Name(Cow<'static, str>),
    /// To an item of a list.
    Item(usize),
    /// To a key itself: the last step.
    Itself(Cow<'static, str>),
}

impl Place {
    pub(super) fn key(self, key: impl Into<Cow<'static, str>>) -> Self {
        self.step(Key::Name(key.into()))
    }

    pub(super) fn item(self, index: usize) -> Self {
        self.step(Key::Item(index))
    }

    pub(super) fn itself(self, key: impl Into<Cow<'static, str>>) -> Self {
        self.step(Key::Itself(key.into()))
    }

    /// The place of a path with dots between its keys.
    pub(super) fn keys(self, path: &str) -> Self {
        let keys = path.split('.').map(str::to_owned);
        keys.fold(self, Self::key)
    }

    fn step(mut self, key: Key) -> Self {
        self.path.push(key);
        self
    }
}

/// As people would write it: `pinwire.dev/links[2].vf.vlan`.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, key) in self.path.iter().enumerate() {
            match key {
                Key::Item(index) => write!(formatter, "[{index}]")?,
                Key::Name(key) | Key::Itself(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    write!(formatter, "{dot}{key}")?;
                }
            }
        }
        Ok(())
    }
}

impl Finding {
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn related(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.related = Some((place, label.into()));
        self
    }
}

/// Collects findings.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        self.add(place, message.into(), false)
    }

    /// An error if a key was there before; the first place of each is kept in `seen`.
    pub(super) fn twice<K: Eq + Hash>(
        &mut self,
        seen: &mut HashMap<K, Place>,
        key: K,
        place: Place,
        message: impl FnOnce() -> String,
    ) -> Option<&mut Finding> {
        let first = seen.insert(key, place.clone())?;
        Some(self.error(place, message()).related(first, "the first one"))
    }

    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        self.add(place, message.into(), true)
    }

    fn add(&mut self, place: Place, message: String, is_warning: bool) -> &mut Finding {
        self.0.push_mut(Finding {
            place,
            message,
            hint: None,
            related: None,
            is_warning,
        })
    }
}

impl From<Findings> for Vec<Finding> {
    fn from(findings: Findings) -> Self {
        findings.0
    }
}
