//! Records of versions that did what is done no more.

use serde_json::Value;

use super::Record;

/// Connections of UDP ports were forgotten; now each attachment has a zone of its own for them, and they end by their timeout.
const RETIRED: &str = "forget-connections";

/// The record without what is done no more; None if that is not why it can't be read.
pub(super) fn decode(value: &[u8]) -> Option<Record> {
    let mut document: Value = serde_json::from_slice(value).ok()?;
    for part in document.get_mut("parts")?.as_array_mut()? {
        for (list, tag) in [("steps", "step"), ("undo", "undo")] {
            let entries = part.get_mut(list)?.as_array_mut()?;
            entries.retain(|entry| entry.get(tag).and_then(Value::as_str) != Some(RETIRED));
        }
    }
    serde_json::from_value(document).ok()
}
