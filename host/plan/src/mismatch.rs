use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a step made and that is missing or different now (CNI CHECK).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// The object, as an operator would name it: `link eth0`, `route 0.0.0.0/0 via 10.1.0.1`.
    pub object: String,
    /// What the record says.
    pub expected: String,
    /// What the kernel says.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, found {}",
            self.object, self.expected, self.found
        )
    }
}
