//! YAML as a tree of values that know their place in the text. What keys and values mean is not known here.

use super::source::Place;

/// A value and where it is.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// A YAML value by the core schema of YAML 1.2.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Sequence(Vec<Tree>),
    Mapping(Vec<Entry>),
}

/// An entry of a mapping. Keys are unique.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Tree,
}

impl Tree {
    /// The value of a key; none where this is no mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key; none where this is no mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries; empty where this is no mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Mapping(entries) = &self.value {
            entries
        } else {
            &[]
        }
    }

    /// The items; empty where this is no sequence.
    pub(crate) fn items(&self) -> &[Tree] {
        if let Value::Sequence(items) = &self.value {
            items
        } else {
            &[]
        }
    }

    /// The place of the value of `key`, or of the whole where there is none.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or(self.place, |tree| tree.place)
    }

    /// The place of item `index` of the list under `key`, or of the whole where there is none.
    pub(crate) fn place_in(&self, key: &str, index: usize) -> Place {
        self.get(key)
            .and_then(|tree| tree.items().get(index))
            .map_or(self.place, |tree| tree.place)
    }

    /// The item at `index`, or the whole where there is none.
    pub(crate) fn item(&self, index: usize) -> &Tree {
        self.items().get(index).unwrap_or(self)
    }

    /// The value of `key`, or the whole where there is none.
    pub(crate) fn value(&self, key: &str) -> &Tree {
        self.get(key).unwrap_or(self)
    }

    /// The value's kind, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Whether nothing is set: null, false, or empty.
    pub(crate) fn is_unset(&self) -> bool {
        match &self.value {
            Value::Null | Value::Boolean(false) => true,
            Value::Text(text) => text.is_empty(),
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
            Value::Boolean(true) | Value::Integer(_) | Value::Float(_) => false,
        }
    }

    /// Applies `change` to every place of the tree.
    pub(crate) fn relocate(&mut self, change: &impl Fn(Place) -> Place) {
        self.place = change(self.place);
        match &mut self.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.relocate(change)),
            Value::Mapping(entries) => {
                for entry in entries {
                    entry.key_place = change(entry.key_place);
                    entry.value.relocate(change);
                }
            }
            _ => {}
        }
    }
}
