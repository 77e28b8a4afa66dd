//! The serde side of [`super::read`]: a deserializer over a [`Tree`] that is strict about types and knows places.

use serde::de::{Deserializer, Visitor};

use super::access::{Entries, Items};
use super::read::{Dialect, Fault, Reading};
use super::tree::{Entry, Tree, Value};
use super::{quantity, suggest};

/// What YAML 1.1 takes for booleans besides `true` and `false` (yaml.org/type/bool.html).
const BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// A value that is being read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) reading: &'a Reading<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn expected(self, what: &str) -> Fault {
        let written = self.reading.sources.slice(self.tree.place);
        let found = match self.tree.value {
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => self.tree.kind().to_owned(),
            _ if written.len() > 60 || written.contains('\n') => self.tree.kind().to_owned(),
            _ => format!("{} (`{written}`)", self.tree.kind()),
        };
        Fault::new(format!("expected {what}, found {found}")).at(self.tree)
    }

    /// Some parsers do not say what they could not parse.
    fn explain(self, fault: Fault, text: &str) -> Fault {
        if fault.place.is_some() || fault.message.contains(text) {
            return fault;
        }
        Fault {
            message: format!("`{text}`: {}", fault.message),
            ..fault
        }
    }

    pub(super) fn child(self, tree: &'a Tree) -> Self {
        Self { tree, ..self }
    }

    fn integer<'de, V: Visitor<'de>>(
        self,
        low: i128,
        high: i128,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.tree.value {
            Value::Integer(number) if (low..=high).contains(&number) => match u64::try_from(number)
            {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(i64::try_from(number).unwrap_or(i64::MIN)),
            }
            .map_err(|fault: Fault| fault.at(self.tree)),
            _ => Err(self.expected(&format!("a whole number from {low} to {high}"))),
        }
    }

    fn mapping(self) -> Result<&'a [Entry], Fault> {
        match &self.tree.value {
            Value::Mapping(entries) => Ok(entries),
            _ => Err(self.expected("a mapping")),
        }
    }
}

macro_rules! integers {
    ($($method:ident $type:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(i128::from($type::MIN), i128::from($type::MAX), visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    integers!(deserialize_i8 i8, deserialize_i16 i16, deserialize_i32 i32, deserialize_i64 i64);
    integers!(deserialize_u8 u8, deserialize_u16 u16, deserialize_u32 u32, deserialize_u64 u64);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.tree.value {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(_) => return self.deserialize_i64(visitor),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::Sequence(_) => return self.deserialize_seq(visitor),
            Value::Mapping(_) => return self.deserialize_map(visitor),
        }
        .map_err(|fault: Fault| fault.at(self.tree))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.tree.value {
            Value::Boolean(value) => visitor.visit_bool(value),
            _ => Err(Fault {
                hint: Some("write `true` or `false`, without quotes".to_owned()),
                ..self.expected("true or false")
            }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = match &self.tree.value {
            Value::Text(text) => text,
            Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
                let hint = format!(
                    "put it in quotes: \"{}\"",
                    self.reading.sources.slice(self.tree.place)
                );
                return Err(Fault {
                    hint: Some(hint),
                    ..self.expected("text")
                });
            }
            _ => return Err(self.expected("text")),
        };
        let written = self.reading.sources.slice(self.tree.place);
        if self.reading.dialect == Dialect::Kubernetes
            && written == text
            && BOOLEANS.contains(&text.to_lowercase().as_str())
        {
            let hint = format!("put it in quotes: \"{text}\"");
            let message =
                format!("expected text, found `{text}`, which Kubernetes reads as a boolean");
            return Err(Fault {
                hint: Some(hint),
                ..Fault::new(message)
            }
            .at(self.tree));
        }
        visitor
            .visit_str(text)
            .map_err(|fault: Fault| self.explain(fault, text).at(self.tree))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if matches!(self.tree.value, Value::Null) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let read = match (&self.tree.value, name) {
            (Value::Text(text), quantity::NAME) => visitor.visit_str(text),
            (Value::Integer(number), quantity::NAME) => visitor.visit_str(&number.to_string()),
            (Value::Float(number), quantity::NAME) => visitor.visit_str(&number.to_string()),
            (_, quantity::NAME) => return Err(self.expected("a quantity such as 500m or 64Mi")),
            _ => visitor.visit_newtype_struct(self),
        };
        read.map_err(|fault: Fault| fault.at(self.tree))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Sequence(items) = &self.tree.value else {
            let hint = matches!(self.tree.value, Value::Mapping(_))
                .then(|| "begin each item of a list with `- `".to_owned());
            return Err(Fault {
                hint,
                ..self.expected("a list")
            });
        };
        let items = items.iter().filter(|item| !self.reading.is_skipped(item));
        visitor
            .visit_seq(Items {
                reader: self,
                items,
            })
            .map_err(|fault| fault.at(self.tree))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = self
            .mapping()?
            .iter()
            .filter(|entry| !self.reading.is_skipped(&entry.value));
        visitor
            .visit_map(Entries {
                reader: self,
                name: "",
                entries,
                value: None,
            })
            .map_err(|fault| fault.at(self.tree))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let reading = self.reading;
        let all = self.mapping()?;
        // A field is not missing if its value could not be read, or if its key is misspelt.
        let reported = |field: &str| {
            let meant =
                |entry: &Entry| suggest::nearest(&entry.key, fields.iter().copied()) == Some(field);
            all.iter().any(|entry| {
                reading.is_skipped(&entry.value)
                    || (!fields.contains(&entry.key.as_str()) && meant(entry))
            })
        };
        // As for Kubernetes, a key without a value is a key that is not there.
        let present = |entry: &&Entry| {
            !matches!(entry.value.value, Value::Null) && !reading.is_skipped(&entry.value)
        };
        let entries = all
            .iter()
            .filter(|entry| reading.accepts(name, fields, entry))
            .filter(present);
        visitor
            .visit_map(Entries {
                reader: self,
                name,
                entries,
                value: None,
            })
            .map_err(|fault| fault.in_struct(name, reported).at(self.tree))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.tree.value {
            Value::Text(_) => visitor
                .visit_enum(self)
                .map_err(|fault| fault.at(self.tree)),
            _ => Err(self.expected(&format!("one of {}", suggest::list(variants)))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
