//! Reading what other programs write: `null` where a list, a map or a text was left out, and never
//! a list where an object belongs (which a derived `Deserialize` would take for its fields).

use std::net::IpAddr;

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Go prints an empty list or map that was never made as `null`.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An optional address; Go prints an absent one as `null` or as the empty text.
pub(crate) fn optional_address<'de, D>(deserializer: D) -> Result<Option<IpAddr>, D::Error>
where
    D: Deserializer<'de>,
{
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text
            .parse::<IpAddr>()
            .map(|address| Some(address.to_canonical()))
            .map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &"an IP address")),
        _ => Ok(None),
    }
}

/// An optional text, where the empty text counts as absent.
pub(crate) fn optional_text<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// An optional number, where zero counts as absent.
pub(crate) fn optional_number<'de, D>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<u32>::deserialize(deserializer)?.filter(|number| *number != 0))
}

/// A `T` that is written as a JSON object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        T::deserialize(Value::Object(members))
            .map(Self)
            .map_err(de::Error::custom)
    }
}

/// A list of objects, or nothing.
pub(crate) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let list = Option::<Vec<Object<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(list.into_iter().map(|Object(item)| item).collect())
}

/// An object, or nothing.
pub(crate) fn optional_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(item)| item))
}
