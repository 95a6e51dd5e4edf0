use std::fmt;

use serde::{Deserialize, Serialize};

/// What a component can be asked for: one exported interface each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `wasm-cni:plugin/ipam`: choose addresses.
    Ipam,
    /// `wasm-cni:plugin/policy`: be a stage of a chain.
    Policy,
}

impl Role {
    /// Every role there is.
    pub const ALL: [Self; 2] = [Self::Ipam, Self::Policy];

    /// The name of the exported interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipam => "ipam",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
