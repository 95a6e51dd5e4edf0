mod builtin;

use std::collections::BTreeSet;
use std::fmt;

use plan::ChangeKind;

/// What a plugin may be given. Clock, log and the reading of the proposal are always offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Interface `wasm-cni:plugin/leases`: reserve addresses of the network.
    Leases,
    /// Interface `wasm-cni:plugin/storage`: keep values between calls.
    Storage,
    /// The interface of one kind of change: propose such changes.
    Change(ChangeKind),
}

impl Grant {
    /// Every grant there is.
    pub const ALL: [Self; 17] = [
        Self::Leases,
        Self::Storage,
        Self::Change(ChangeKind::Deny),
        Self::Change(ChangeKind::Address),
        Self::Change(ChangeKind::Route),
        Self::Change(ChangeKind::Rule),
        Self::Change(ChangeKind::Neighbour),
        Self::Change(ChangeKind::Mtu),
        Self::Change(ChangeKind::Mac),
        Self::Change(ChangeKind::Dns),
        Self::Change(ChangeKind::Sysctl),
        Self::Change(ChangeKind::LinkFlag),
        Self::Change(ChangeKind::PortForward),
        Self::Change(ChangeKind::Bandwidth),
        Self::Change(ChangeKind::Flow),
        Self::Change(ChangeKind::Masquerade),
        Self::Change(ChangeKind::Vrf),
    ];

    /// The name under which a configuration grants it, which is that of the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leases => "leases",
            Self::Storage => "storage",
            Self::Change(kind) => kind.name(),
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

    /// What the built-in stage of this name gets: the grants of its kind. A name that no built-in stage has gets none.
    #[must_use]
    pub fn of_builtin_policy(name: &str) -> Self {
        Self(builtin::grants_of(name).iter().copied().collect())
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
        let grants = Grants::parse(["storage", "link-flag"]).unwrap();
        assert!(grants.contains(Grant::Storage));
        assert!(grants.contains(Grant::Change(ChangeKind::LinkFlag)));
        assert!(!grants.contains(Grant::Leases));
        assert!(!grants.contains(Grant::Change(ChangeKind::Flow)));
    }

    #[test]
    fn every_kind_of_change_is_a_grant_under_its_name() {
        for kind in ChangeKind::ALL {
            let grants = Grants::parse([kind.name()]).unwrap();
            for other in Grant::ALL {
                assert_eq!(grants.contains(other), other == Grant::Change(kind));
            }
        }
    }

    #[test]
    fn an_unknown_grant_is_answered_with_the_valid_ones() {
        let refused = Grants::parse(["leases", "*"]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no grant \"*\"; `grants` may name: leases, storage, deny, address, route, rule, neighbour, mtu, mac, \
             dns, sysctl, link-flag, port-forward, bandwidth, flow, masquerade, vrf"
        );
    }

    #[test]
    fn a_built_in_stage_gets_what_its_kind_needs_and_no_more() {
        let names = |stage| -> Vec<&str> {
            let grants = Grants::of_builtin_policy(stage);
            let granted = Grant::ALL
                .into_iter()
                .filter(|&grant| grants.contains(grant));
            granted.map(Grant::name).collect()
        };
        assert_eq!(names("portmap"), ["port-forward"]);
        assert_eq!(names("tuning"), ["mtu", "mac", "sysctl", "link-flag"]);
        assert_eq!(names("vrf"), ["vrf"]);
        assert_eq!(names("quota"), ["storage", "deny"]);
        assert!(names("host-local").is_empty());
    }
}
