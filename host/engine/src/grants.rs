use std::collections::BTreeSet;
use std::fmt;

/// What a plugin may be given. Clock and log are always offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Interface `wasm-cni:plugin/leases`: reserve addresses of the network.
    Leases,
    /// Interface `wasm-cni:plugin/storage`: keep values between calls.
    Storage,
}

impl Grant {
    /// Every grant there is.
    pub const ALL: [Self; 2] = [Self::Leases, Self::Storage];

    /// The name under which a configuration grants it, which is that of the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leases => "leases",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The grants of one use of a plugin. There is no wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(BTreeSet<Grant>);

/// A configuration names a grant that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no grant {name:?}; `grants` may name: {}", valid_names())]
pub struct UnknownGrant {
    /// The name as written.
    pub name: String,
}

impl Grants {
    /// Nothing but clock and log.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What an IPAM plugin gets unless the configuration names less: leases and storage.
    #[must_use]
    pub fn ipam() -> Self {
        Self(BTreeSet::from([Grant::Leases, Grant::Storage]))
    }

    /// Exactly the grants that a configuration names.
    ///
    /// # Errors
    /// The first name that is not a grant's.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownGrant> {
        let grant_named = |name: &str| {
            let found = Grant::ALL.into_iter().find(|grant| grant.name() == name);
            found.ok_or_else(|| UnknownGrant {
                name: name.to_owned(),
            })
        };
        names
            .into_iter()
            .map(grant_named)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Is this grant among them?
    #[must_use]
    pub fn contains(&self, grant: Grant) -> bool {
        self.0.contains(&grant)
    }
}

fn valid_names() -> String {
    Grant::ALL.map(Grant::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_can_narrow_what_a_plugin_gets() {
        let grants = Grants::parse(["storage"]).unwrap();
        assert!(grants.contains(Grant::Storage));
        assert!(!grants.contains(Grant::Leases));
    }

    #[test]
    fn an_unknown_grant_is_answered_with_the_valid_ones() {
        let refused = Grants::parse(["leases", "*"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no grant \"*\"; `grants` may name: leases, storage"
        );
    }
}
