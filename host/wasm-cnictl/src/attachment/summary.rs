use serde::Serialize;
use store::{Record, RecordState};

/// An attachment in short, as `attachment list` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) network: String,
    pub(super) container_id: String,
    pub(super) interface_name: String,
    /// `pending` while an ADD runs, and after one that died; `applied` once all is done.
    pub(super) state: &'static str,
    /// The path of the namespace, as the runtime gave it.
    pub(super) netns: Option<String>,
    /// When it was begun, in seconds since 1970.
    pub(super) created_at: u64,
    /// Addresses with the lengths of their networks' prefixes.
    pub(super) addresses: Vec<String>,
    /// The plugins that had a part in it, in order.
    pub(super) plugins: Vec<String>,
}

impl Summary {
    /// Of this record.
    pub(super) fn of(record: &Record) -> Self {
        let addressings = record
            .parts
            .iter()
            .filter_map(|part| part.addressing.as_ref());
        Self {
            network: record.attachment.network.clone(),
            container_id: record.attachment.container_id.clone(),
            interface_name: record.attachment.interface_name.clone(),
            state: match record.state {
                RecordState::Pending => "pending",
                RecordState::Applied => "applied",
            },
            netns: record.netns.as_ref().map(|netns| netns.path.clone()),
            created_at: record.created_at,
            addresses: addressings
                .flat_map(|addressing| &addressing.addresses)
                .map(|each| each.address.to_string())
                .collect(),
            plugins: record
                .parts
                .iter()
                .map(|part| part.plugin.clone())
                .collect(),
        }
    }
}
