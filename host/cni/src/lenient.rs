//! Reading what other programs write: `null` where a list, a map or a text was left out.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, de};

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
