//! JSON as runtimes send it: keys in any case, none twice. From text to values and fields; what they mean is for
//! [`super::configuration`].
//!
//! Go decodes `MTU`, `Mtu` and `mtu` into the same field, and containerd's structures carry no tags, so that it sends
//! `HostPort` where the convention says `hostPort`: a peer of Go programs must read as they do.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::ConfigurationError;

/// Reads one JSON value; an object with the same key twice is an error.
pub(crate) fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Checked>(text).map(|checked| checked.0)
}

/// The value of a key, in whatever case it is written; the exact one first.
pub(crate) fn get<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    let any_case = || {
        object
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(key))
    };
    object
        .get(key)
        .or_else(|| any_case().map(|(_, value)| value))
}

/// A JSON value without duplicate keys.
pub(crate) struct Checked(pub(crate) Value);

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor).map(Self)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // YAML has more numbers than JSON.
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| E::custom(format!("{value} is not a number that can be used here")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Checked(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            let Checked(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// The fields of an object, taken one by one; what is left at the end is unknown.
pub(crate) struct Fields {
    /// How messages call the object: empty for the configuration itself.
    path: &'static str,
    entries: Map<String, Value>,
    /// Keys that were asked for, for suggestions.
    known: Vec<&'static str>,
    /// Whether mistakes are passed over: a DEL has to go on.
    lenient: bool,
}

impl Fields {
    /// The fields of a value, which must be an object.
    pub(crate) fn of(
        path: &'static str,
        value: Value,
        lenient: bool,
    ) -> Result<Self, ConfigurationError> {
        let entries = match value {
            Value::Object(entries) => entries,
            _ if lenient => Map::new(),
            other => {
                return Err(ConfigurationError::Invalid {
                    key: path.to_owned(),
                    reason: format!("it must be an object, and is {}", brief(&other)),
                });
            }
        };
        Ok(Self {
            path,
            entries,
            known: Vec::new(),
            lenient,
        })
    }

    /// Takes the value of a key; `null` counts as absent, as in Go.
    pub(crate) fn take_value(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Value>, ConfigurationError> {
        self.known.push(key);
        let same = |other: &&String| other.eq_ignore_ascii_case(key);
        let mut found: Vec<String> = self.entries.keys().filter(same).cloned().collect();
        found.sort_by_key(|other| other != key);
        if let [one, other, ..] = &found[..]
            && !self.lenient
        {
            return Err(ConfigurationError::Twice {
                key: self.name(one),
                other: self.name(other),
            });
        }
        let mut values = found.iter().map(|key| self.entries.shift_remove(key));
        let value = values.next().flatten();
        values.for_each(drop);
        Ok(value.filter(|value| !value.is_null()))
    }

    /// Takes the value of a key as a type.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
    ) -> Result<Option<T>, ConfigurationError> {
        let Some(value) = self.take_value(key)? else {
            return Ok(None);
        };
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.lenient => Ok(None),
            Err(error) => Err(ConfigurationError::Invalid {
                key: self.name(key),
                reason: error.to_string(),
            }),
        }
    }

    /// Whether a key is there, be it with `null`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries
            .keys()
            .any(|other| other.eq_ignore_ascii_case(key))
    }

    /// Whether mistakes are passed over.
    pub(crate) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// Removes the keys that somebody else may have put there.
    pub(crate) fn pass(&mut self, theirs: impl Fn(&str) -> bool) {
        self.entries.retain(|key, _| !theirs(key));
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), ConfigurationError> {
        let Some((key, value)) = self.entries.iter().next() else {
            return Ok(());
        };
        if self.lenient {
            return Ok(());
        }
        let near = |known: &&&str| {
            strsim::damerau_levenshtein(&key.to_lowercase(), &known.to_lowercase()) <= 2
        };
        Err(ConfigurationError::Unsupported {
            key: self.name(key),
            value: brief(value),
            meant: self.known.iter().find(near).copied(),
        })
    }

    fn name(&self, key: &str) -> String {
        match self.path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

/// A value in at most 80 characters.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
