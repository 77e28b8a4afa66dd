//! Reads YAML text into a [`Tree`]. The YAML library enforces the limits: depth, number of values, aliases (no bombs, no
//! cycles), unique keys, YAML 1.2 booleans.

use std::fmt;

use pinwire_wiring::annotation::text;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::source::Place;
use super::syntax::{self, SyntaxError};
use super::tree::{Entry, Tree, Value};

/// Reads all documents of a text; places get the number `source`.
pub(crate) fn parse(text: &str, source: u32) -> Result<Vec<Tree>, SyntaxError> {
    serde_saphyr::from_multiple_with_options::<Spanned<Raw>>(text, text::options())
        .map_err(|error| SyntaxError::new(text, &error))?
        .into_iter()
        .map(|document| document.tree(text, source))
        .collect()
}

/// What serde sees of a document.
enum Raw {
    Scalar(Value),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

trait IntoTree {
    fn tree(self, text: &str, source: u32) -> Result<Tree, SyntaxError>;
}

impl IntoTree for Spanned<Raw> {
    fn tree(self, text: &str, source: u32) -> Result<Tree, SyntaxError> {
        let place = Place::new(source, syntax::range(text, self.referenced));
        let value = match self.value {
            Raw::Scalar(value) => value,
            Raw::Sequence(items) => Value::Sequence(
                items
                    .into_iter()
                    .map(|item| item.tree(text, source))
                    .collect::<Result<_, _>>()?,
            ),
            Raw::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|pair| entry(pair, text, source))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Tree { value, place })
    }
}

fn entry(
    (key, value): (Spanned<Raw>, Spanned<Raw>),
    text: &str,
    source: u32,
) -> Result<Entry, SyntaxError> {
    let key = key.tree(text, source)?;
    let range = key.place.range();
    let key_text = match key.value {
        Value::Text(text) => text,
        // A number or boolean as a key is the text that it is written as.
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
            text.get(range).unwrap_or("").to_owned()
        }
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
            let message = format!("a key must be text, not {}", key.kind());
            return Err(SyntaxError {
                message,
                hint: None,
                range,
            });
        }
    };
    Ok(Entry {
        key: key_text,
        key_place: key.place,
        value: value.tree(text, source)?,
    })
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Boolean(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Integer(value.into())))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Integer(value)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        // Beyond what any field takes: the field's own check refuses the saturated value as well.
        Ok(Raw::Scalar(Value::Integer(
            i128::try_from(value).unwrap_or(i128::MAX),
        )))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}
