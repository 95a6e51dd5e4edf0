use serde::{Deserialize, Serialize};

use super::StageName;
use crate::ChangeKind;

/// What speaks against a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "objection", rename_all = "kebab-case")]
pub enum Objection {
    /// A stage refuses the attachment.
    #[error("{stage} refuses the attachment: {reason}")]
    Denied {
        /// The stage.
        stage: StageName,
        /// Its words.
        reason: String,
    },
    /// A stage asks for what it was not granted.
    #[error("{stage} wants to {change}, and the grant {grant:?} is missing: add \"{grant}\" to its `grants` if it may", grant = grant.name())]
    NotGranted {
        /// The stage.
        stage: StageName,
        /// What it asks for.
        change: String,
        /// What it lacks.
        grant: ChangeKind,
    },
    /// Two stages set one thing differently.
    #[error(
        "{stage} wants to {change}, and {earlier} has said otherwise: {value}; let one of the two decide"
    )]
    Conflict {
        /// The one that came first.
        earlier: StageName,
        /// What it has set.
        value: String,
        /// The one that came second.
        stage: StageName,
        /// What it asks for.
        change: String,
    },
    /// A change breaks what the host guarantees.
    #[error("{stage} may not {change}: {why}")]
    Refused {
        /// The stage.
        stage: StageName,
        /// What it asks for.
        change: String,
        /// The reason, and what would do.
        why: String,
    },
}

impl Objection {
    /// The stage that it is about; of two that contradict each other the later one.
    #[must_use]
    pub fn stage(&self) -> &StageName {
        match self {
            Self::Denied { stage, .. }
            | Self::NotGranted { stage, .. }
            | Self::Conflict { stage, .. }
            | Self::Refused { stage, .. } => stage,
        }
    }
}
