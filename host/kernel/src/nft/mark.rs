use std::fmt;
use std::str::FromStr;

use super::settings::Settings;

/// How our chains are laid out. A chain of another layout is made anew.
const LAYOUT: &str = "wasm-cni/1";

/// What the comment of each chain of ours says: enough to see with one request whether all is as wanted, and, after a
/// crash, whether elements are missing. It survives that an operator saves and loads the ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Made when the base was missing, and the elements of attachments that live already have not been added since.
    pub(super) incomplete: bool,
    /// What the chain and its sets were made from.
    pub(super) settings: Settings,
    /// Whose chain it is, for the operator.
    pub(super) owner: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.incomplete {
            "incomplete"
        } else {
            "complete"
        };
        write!(f, "{LAYOUT} {state} {} {}", self.settings, self.owner)
    }
}

/// A comment is not a mark of this layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(comment: &str) -> Result<Self, NoMark> {
        let mut words = comment.splitn(4, ' ');
        let (Some(LAYOUT), Some(state), Some(settings), Some(owner)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(NoMark);
        };
        let incomplete = match state {
            "incomplete" => true,
            "complete" => false,
            _ => return Err(NoMark),
        };
        Ok(Self {
            incomplete,
            settings: settings.parse().map_err(|_| NoMark)?,
            owner: owner.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_and_foreign_comments_are_none() {
        for incomplete in [true, false] {
            let mark = Mark {
                incomplete,
                settings: Settings::of(&[]),
                owner: "network a b".into(),
            };
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        for comment in [
            "",
            "wasm-cni/1",
            "wasm-cni/1 complete 00-11",
            "wasm-cni/1 complete 0011 x",
            "wasm-cni/2 complete 00-11 x",
            "wasm-cni/1 broken 00-11 x",
        ] {
            assert_eq!(comment.parse::<Mark>(), Err(NoMark), "{comment}");
        }
    }
}
