//! `cni.dev/valid-attachments` of a GC.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ConfigError;
use crate::attachment::ValidAttachment;
use crate::lenient::Object;

/// The specification's key, then the one that the first libcni with GC sent by mistake.
const KEYS: [&str; 2] = ["cni.dev/valid-attachments", "cni.dev/attachments"];

/// The list; `None` where neither key is there.
///
/// A key that is there with `null` is the empty list: CRI-O sends that for a network without pods,
/// because Go prints a list that was never made as `null`. One bad entry makes the list worthless,
/// since what it was to protect would be removed.
pub(super) fn read(
    document: &Map<String, Value>,
) -> Result<Option<Vec<ValidAttachment>>, ConfigError> {
    let Some((key, value)) = KEYS
        .iter()
        .find_map(|key| Some((*key, document.get(*key)?)))
    else {
        return Ok(None);
    };
    let list = Option::<Vec<Object<ValidAttachment>>>::deserialize(value)
        .map_err(|source| ConfigError::shape(key.to_owned(), value, source))?;
    Ok(Some(
        list.unwrap_or_default()
            .into_iter()
            .map(|Object(entry)| entry)
            .collect(),
    ))
}
