use plan::{Addressing, Attachment, Change, NetnsIdentity, Step, Undo};
use serde::{Deserialize, Serialize};

use crate::{StoreError, UnixSeconds};

mod document;
mod earlier;
mod table;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use table::{RecordPage, Removed, UnreadableRecord};
pub(crate) use table::{decode, record_key};

/// The newest form of a record that this version can read, and the one that it writes.
pub const RECORD_FORMAT: u32 = 1;

/// What was done, or is about to be done, for one attachment: written before the first step, so that whoever finds it
/// can take all of it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`RECORD_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// Whose record it is.
    pub attachment: Attachment,
    /// Whether the steps are known to be done.
    pub state: RecordState,
    /// The container's network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetnsIdentity>,
    /// The end on the host of a link that another vendor's plugin made: its presence tells that the container lives. It is
    /// looked for and never deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Undo>,
    /// When the first part was recorded.
    pub created_at: UnixSeconds,
    /// The group of the attachment's links (`IFLA_GROUP`), from [`crate::Store::next_group`].
    pub group: u32,
    /// The stages, in the order in which they were added; undone from the last to the first.
    pub parts: Vec<StagePart>,
}

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordState {
    /// The steps may have been done in part.
    Pending,
    /// All steps have been done.
    Applied,
}

/// What one stage of a chain contributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StagePart {
    /// The plugin and the hash of its configuration.
    pub id: String,
    /// The plugin.
    pub plugin: String,
    /// What was to be done, in this order.
    pub steps: Vec<Step>,
    /// How to take it back, in the order of the steps: replayed from the last to the first.
    pub undo: Vec<Undo>,
    /// What the stage asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What the plugin was asked, what the host told it and what it answered, in the form of who called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Document>,
    /// The addresses that the stage gave the interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressing: Option<Addressing>,
    /// The stage's configuration.
    pub config: serde_json::Value,
    /// The CNI result that the stage printed or handed on.
    pub result: serde_json::Value,
}

impl Record {
    /// A pending record without parts.
    #[must_use]
    pub fn new(attachment: Attachment, group: u32, created_at: UnixSeconds) -> Self {
        Self {
            format: RECORD_FORMAT,
            attachment,
            state: RecordState::Pending,
            netns: None,
            witness: None,
            created_at,
            group,
            parts: Vec::new(),
        }
    }

    fn decode(value: &[u8]) -> Result<Self, StoreError> {
        let read = serde_json::from_slice(value);
        read.or_else(|error| earlier::decode(value).ok_or(error))
            .map_err(|error| StoreError::Corrupt {
                what: "a record",
                source: Some(error),
            })
    }

    /// As JSON, in this state whatever its own is.
    fn encode(&self, state: RecordState) -> Result<Vec<u8>, StoreError> {
        let stored = StoredRecord {
            state,
            ..StoredRecord::of(self)
        };
        serde_json::to_vec(&stored).map_err(|source| StoreError::Encode {
            what: "a record",
            source,
        })
    }
}

/// [`Record`] by reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredRecord<'a> {
    format: u32,
    attachment: &'a Attachment,
    state: RecordState,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<&'a NetnsIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<&'a Undo>,
    created_at: UnixSeconds,
    group: u32,
    parts: &'a [StagePart],
}

impl<'a> StoredRecord<'a> {
    fn of(record: &'a Record) -> Self {
        Self {
            format: RECORD_FORMAT,
            attachment: &record.attachment,
            state: record.state,
            netns: record.netns.as_ref(),
            witness: record.witness.as_ref(),
            created_at: record.created_at,
            group: record.group,
            parts: &record.parts,
        }
    }
}
