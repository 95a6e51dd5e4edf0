use engine::RecordedCall;
use plan::{Addressing, Attachment, Change, NetnsIdentity, Proposal, Step, Undo};
use serde::Serialize;
use serde_json::Value;

use super::exchange::exchanges;

/// One attachment: the entries of its network's list, in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    /// The network.
    pub network: String,
    /// The container's id.
    pub container_id: String,
    /// The interface's name inside the container.
    pub interface_name: String,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// One entry of a network's list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its `type`.
    #[serde(rename = "type")]
    pub plugin_type: String,
    /// What it is to us.
    pub role: EntryRole,
    /// IPAM, link and stages, in the order in which they are asked.
    pub parts: Vec<Part>,
    /// What speaks against the whole: with any, nothing of it is done.
    pub objections: Vec<String>,
    /// Why there is no more to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What the reader should know.
    pub notes: Vec<String>,
    /// Its CNI result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// What an entry is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryRole {
    /// It makes an interface, with its IPAM and its chain.
    Link,
    /// It is one stage that works on `prevResult`.
    Stage,
    /// Another vendor's: nobody looked into it.
    Opaque,
    /// What is on record of an attachment, whichever entries it came from.
    Record,
}

/// A part of an entry: what one plugin decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What it decides about.
    pub kind: PartKind,
    /// The plugin; of a link its kind.
    pub name: String,
    /// Its place in `chain`, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saw: Option<Proposal>,
    /// What it asked the host, and what it was told.
    pub asked: Vec<Exchange>,
    /// The addresses that it decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addressing: Option<Addressing>,
    /// What it wants changed.
    pub changes: Vec<AskedFor>,
    /// What follows.
    pub steps: Vec<PlannedStep>,
    /// What it said meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
    /// Why it gave no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The whole call, which can be run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<RecordedCall>,
    /// What came of running it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// What a part decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Addresses.
    Ipam,
    /// The interface itself; the operator has decided.
    Link,
    /// Changes.
    Stage,
}

/// A question of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// What it asked.
    pub question: String,
    /// What it was told.
    pub answer: String,
}

/// A change that a stage asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedFor {
    /// In words.
    pub text: String,
    /// As data.
    pub change: Change,
    /// Why it is not taken; None: it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// In words.
    pub text: String,
    /// As data.
    pub step: Step,
    /// How it is taken back; None: it belongs to the node, or vanishes with the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<TakenBack>,
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenBack {
    /// In words.
    pub text: String,
    /// As data.
    pub undo: Undo,
}

/// What came of running a recorded call again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The plugin asked and decided the same.
    pub same: bool,
    /// What was different, or why it could not be run again.
    pub differences: Vec<String>,
}

impl Picture {
    pub(crate) fn of(attachment: &Attachment, entries: Vec<Entry>) -> Self {
        Self {
            network: attachment.network.clone(),
            container_id: attachment.container_id.clone(),
            interface_name: attachment.interface_name.clone(),
            entries,
        }
    }

    /// Everything can be done, as far as can be seen.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.entries.iter().all(Entry::is_fine)
    }
}

impl Entry {
    /// An entry of which nothing is known yet.
    #[must_use]
    pub fn new(plugin_type: &str, role: EntryRole) -> Self {
        Self {
            plugin_type: plugin_type.to_owned(),
            role,
            parts: Vec::new(),
            objections: Vec::new(),
            failure: None,
            notes: Vec::new(),
            result: None,
        }
    }

    fn is_fine(&self) -> bool {
        self.objections.is_empty() && self.failure.is_none()
    }
}

impl Part {
    pub(crate) fn new(kind: PartKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            position: None,
            saw: None,
            asked: Vec::new(),
            addressing: None,
            changes: Vec::new(),
            steps: Vec::new(),
            said: Vec::new(),
            failure: None,
            call: None,
            replay: None,
        }
    }

    /// The part with a call of its plugin.
    pub(crate) fn with_call(mut self, call: RecordedCall) -> Self {
        if let Some(recording) = &call.recording {
            self.asked = exchanges(&recording.answers);
        }
        self.call = Some(call);
        self
    }
}

impl AskedFor {
    pub(crate) fn new(change: &Change) -> Self {
        Self {
            text: change.to_string(),
            change: change.clone(),
            refused: None,
        }
    }
}

impl PlannedStep {
    pub(crate) fn new(step: &Step, netns: &NetnsIdentity) -> Self {
        Self {
            text: step.to_string(),
            step: step.clone(),
            undo: step.undo(netns).map(|undo| TakenBack {
                text: undo.to_string(),
                undo,
            }),
        }
    }
}
