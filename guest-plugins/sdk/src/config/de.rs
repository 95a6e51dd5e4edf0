use std::fmt::{self, Display};

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::json::Json;

/// How much of a wrong value an error shows, in bytes.
const SHOWN_VALUE: usize = 120;

/// Why a document does not fit a type. It learns its place on the way out, from the innermost value to the outermost.
#[derive(Debug)]
pub(super) struct Error {
    /// Such as `.ranges[0][0].subnet`.
    path: String,
    /// The wrong value; empty if it is a whole list or object.
    shown: String,
    /// Are `path` and `shown` those of the wrong value already?
    placed: bool,
    text: String,
}

impl Error {
    fn at(mut self, value: &Json) -> Self {
        if !self.placed {
            self.placed = true;
            self.shown = show(value);
        }
        self
    }

    fn inside(mut self, segment: impl Display, value: &Json) -> Self {
        self = self.at(value);
        self.path = format!("{segment}{}", self.path);
        self
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if !self.shown.is_empty() {
            write!(f, " = {}", self.shown)?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(text: T) -> Self {
        Self {
            path: String::new(),
            shown: String::new(),
            placed: false,
            text: text.to_string(),
        }
    }

    // The value is shown beside its key, so these two need not print it again.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }
}

fn expected(visitor: &dyn Expected) -> Error {
    de::Error::custom(format_args!("expected {visitor}"))
}

fn show(value: &Json) -> String {
    let text = match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Unsigned(value) => value.to_string(),
        Json::Signed(value) => value.to_string(),
        Json::Float(_) => "(a fraction)".to_owned(),
        Json::String(value) => format!("\"{value}\""),
        Json::List(_) | Json::Object(_) => String::new(),
    };
    match text.get(..text.floor_char_boundary(SHOWN_VALUE)) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        Some(_) | None => text,
    }
}

impl<'de> Deserializer<'de> for &'de Json {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::Unsigned(value) => visitor.visit_u64(*value),
            Json::Signed(value) => visitor.visit_i64(*value),
            Json::Float(value) => visitor.visit_f64(*value),
            Json::String(value) => visitor.visit_borrowed_str(value),
            Json::List(list) => visitor.visit_seq(Elements { list, next: 0 }),
            Json::Object(object) => visitor.visit_map(Entries { object, next: 0 }),
        }
        .map_err(|error: Error| error.at(self))
    }

    // What is expected is known in the next four, so that a component need not carry the code for anything else.

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Json::Object(object) => visitor.visit_map(Entries { object, next: 0 }),
            _ => Err(expected(&visitor)),
        }
        .map_err(|error: Error| error.at(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Json::List(list) => visitor.visit_seq(Elements { list, next: 0 }),
            _ => Err(expected(&visitor)),
        }
        .map_err(|error: Error| error.at(self))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Json::String(text) => visitor.visit_borrowed_str(text),
            _ => Err(expected(&visitor)),
        }
        .map_err(|error: Error| error.at(self))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Json::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.at(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Json::String(variant) => {
                visitor.visit_enum(BorrowedStrDeserializer::new(variant.as_str()))
            }
            Json::Object(object) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries { object, next: 0 }))
            }
            other => other.deserialize_any(visitor),
        }
        .map_err(|error: Error| error.at(self))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier
    }
}

struct Elements<'de> {
    list: &'de [Json],
    next: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let index = self.next;
        let Some(element) = self.list.get(index) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(element)
            .map(Some)
            .map_err(|error| error.inside(format_args!("[{index}]"), element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len() - self.next)
    }
}

struct Entries<'de> {
    object: &'de [(String, Json)],
    /// The entry whose key comes next; its value is the one before.
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.object.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(BorrowedStrDeserializer::new(key))
            .map(Some)
            .map_err(|error: Error| error.inside(format_args!(".{key}"), value))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, value)) = self.object.get(self.next.wrapping_sub(1)) else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(value)
            .map_err(|error| error.inside(format_args!(".{key}"), value))
    }
}
