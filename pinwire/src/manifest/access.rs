//! How [`super::reader`] goes through the items of a list, the entries of a mapping, and the word of an enumeration.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::read::Fault;
use super::reader::Reader;
use super::tree::{Entry, Tree};

pub(super) struct Items<'a, I> {
    pub(super) reader: Reader<'a>,
    pub(super) items: I,
}

impl<'a, 'de, I: Iterator<Item = &'a Tree>> de::SeqAccess<'de> for Items<'a, I> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(self.reader.child(item))
            .map(Some)
            .map_err(|fault| fault.at(item))
    }
}

pub(super) struct Entries<'a, I> {
    pub(super) reader: Reader<'a>,
    /// The struct that is read; empty for a map.
    pub(super) name: &'static str,
    pub(super) entries: I,
    pub(super) value: Option<&'a Entry>,
}

impl<'a, 'de, I: Iterator<Item = &'a Entry>> de::MapAccess<'de> for Entries<'a, I> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(entry);
        let key: StrDeserializer<'_, Fault> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| Fault {
            place: Some(entry.key_place),
            ..fault.at(&entry.value)
        })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let entry = self
            .value
            .take()
            .ok_or_else(|| Fault::new("a value was asked for before its key".to_owned()))?;
        seed.deserialize(self.reader.child(&entry.value))
            .map_err(|fault| fault.at(&entry.value).in_field(self.name, &entry.key))
    }
}

impl<'de> EnumAccess<'de> for Reader<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        Ok((seed.deserialize(self)?, self))
    }
}

/// Enumerations of a manifest are plain words: their variants hold nothing.
impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Fault> {
        Err(self.expected("a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(self.expected("a word"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        Err(self.expected("a word"))
    }
}
