use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::interval::Intervals;
use super::section::AddressSet;

/// Bytes of a hash that are kept: chance differences only, nobody gains by a collision.
const KEPT: usize = 6;

/// Stands for what the address sets of a section were made from; short enough for a comment, and one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Hash of what the sets that grow had to hold.
    grown: String,
    /// Hash of what the sets that are replaced hold.
    replaced: String,
}

impl Settings {
    /// The settings that want these sets.
    pub(super) fn of(sets: &[AddressSet]) -> Self {
        let wanted = |grows| {
            let sets = sets.iter().filter(move |set| set.grows == grows);
            hash(sets.map(|set| &set.wanted))
        };
        Self {
            grown: wanted(true),
            replaced: wanted(false),
        }
    }

    /// Did these settings fill the sets that are replaced with this, in the order of the sets?
    pub(super) fn replaced_by<'a>(&self, found: impl Iterator<Item = &'a Intervals>) -> bool {
        hash(found) == self.replaced
    }
}

fn hash<'a>(contents: impl Iterator<Item = &'a Intervals>) -> String {
    let mut hasher = Sha256::new();
    for intervals in contents {
        hasher.update(format!("{intervals}\n"));
    }
    let digest = hasher.finalize();
    let kept = digest.iter().take(KEPT);
    kept.map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.grown, self.replaced)
    }
}

/// A word does not stand for settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSettings;

impl FromStr for Settings {
    type Err = NoSettings;

    fn from_str(word: &str) -> Result<Self, NoSettings> {
        let (grown, replaced) = word.split_once('-').ok_or(NoSettings)?;
        Ok(Self {
            grown: grown.to_owned(),
            replaced: replaced.to_owned(),
        })
    }
}
