//! `args.cni`: optional parameters that the runtime's user passes (CNI conventions).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::section::{Problems, Section};

/// The well-known keys of `args.cni`, and all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConventionArgs {
    /// `ips`, unread. `None` where the key is absent: only then does `CNI_ARGS` count for it.
    pub ips: Option<Vec<String>>,
    /// `labels`.
    pub labels: Vec<Label>,
    /// `mac`, unread.
    pub mac: Option<String>,
    /// The whole object `args.cni`.
    pub raw: Map<String, Value>,
}

/// One label of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl ConventionArgs {
    /// Reads `args.cni`. Other members of `args` belong to others and are passed over.
    pub(super) fn read(config: &Section<'_>, problems: &mut Problems) -> Self {
        let Some(args) = problems.note(config.object("args")) else {
            return Self::default();
        };
        let Some(raw) = problems.note(Section::new(args, "args").object("cni")) else {
            return Self::default();
        };
        let section = Section::new(raw, "args.cni");
        Self {
            ips: problems.note(section.read("ips")),
            labels: problems.note(section.read_objects("labels")),
            mac: problems
                .note(section.read::<String>("mac"))
                .filter(|mac| !mac.is_empty()),
            raw: raw.clone(),
        }
    }
}
