//! What a component may import, and what it must export: checked by name before anything of it runs.

use std::collections::BTreeSet;

use wasmtime::component::{Component, types::ComponentItem};

use crate::grants::{Grant, Grants};
use crate::role::Role;
use crate::wasi::INTERFACES as WASI_INTERFACES;

/// Why a component is no plugin of ours, whatever it is granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It wants something that this host does not offer to anybody.
    #[error(
        "it imports {import:?}, which this host does not offer; plugins may import `wasm-cni:plugin` 0.1 ({}) and WASI 0.2 \
         without `wasi:http`",
        OWN_INTERFACES.join(", ")
    )]
    UnknownImport {
        /// The import's name as the component spells it.
        import: String,
    },
    /// It can't be asked for anything.
    #[error(
        "it exports neither `wasm-cni:plugin/ipam@0.1` nor `wasm-cni:plugin/policy@0.1`, so it is no plugin"
    )]
    NoRole,
}

/// The interfaces of `wasm-cni:plugin@0.1` that a plugin may import.
const OWN_INTERFACES: [&str; 21] = [
    "types",
    "clock",
    "log",
    "proposal",
    "leases",
    "storage",
    "deny",
    "address",
    "route",
    "rule",
    "neighbour",
    "mtu",
    "mac",
    "dns",
    "sysctl",
    "link-flag",
    "port-forward",
    "bandwidth",
    "flow",
    "masquerade",
    "vrf",
];

/// What a component imports and exports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Imported names, sorted.
    pub imports: Vec<String>,
    /// Exported names, sorted.
    pub exports: Vec<String>,
}

/// One import that passed the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Import {
    /// `wasm-cni:plugin/<name>@0.1.x`.
    Own(&'static str),
    /// `wasi:<package>/<interface>@0.2.x`, without the version.
    Wasi(&'static str),
}

/// An import for which the plugin was given no grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ungranted {
    pub(crate) import: String,
    pub(crate) grant: Grant,
}

impl Interface {
    /// Does it import anything of WASI?
    #[must_use]
    pub fn uses_wasi(&self) -> bool {
        self.imports.iter().any(|name| name.starts_with("wasi:"))
    }

    /// What it can be asked for.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        let exported = |role: &Role| {
            let mut exports = self.exports.iter();
            exports.any(|name| own_interface(name) == Some(role.name()))
        };
        Role::ALL.into_iter().filter(exported).collect()
    }

    /// Can it be a plugin at all, given what it needs?
    ///
    /// # Errors
    /// It imports what is not offered to anybody, or can't be asked for anything.
    pub fn require_plugin(&self) -> Result<(), AuditError> {
        self.audit().map(drop)
    }

    /// The imports, each known to this host.
    pub(crate) fn audit(&self) -> Result<Vec<Import>, AuditError> {
        let known = |name: &String| {
            classify(name).ok_or_else(|| AuditError::UnknownImport {
                import: name.clone(),
            })
        };
        let imports = self.imports.iter().map(known).collect::<Result<_, _>>()?;
        let has_role = !self.roles().is_empty();
        has_role.then_some(imports).ok_or(AuditError::NoRole)
    }

    /// The first import that `grants` does not cover.
    pub(crate) fn first_ungranted(&self, grants: &Grants) -> Option<Ungranted> {
        let ungranted = |name: &String| {
            let interface = own_interface(name)?;
            let grant = Grant::ALL
                .into_iter()
                .find(|grant| grant.name() == interface)?;
            let missing = Ungranted {
                import: name.clone(),
                grant,
            };
            (!grants.contains(grant)).then_some(missing)
        };
        self.imports.iter().find_map(ungranted)
    }
}

/// What a component imports and exports. An import that is no instance (a function, a module) is listed as well, and its
/// name then passes no audit.
pub(crate) fn interface_of(component: &Component) -> Interface {
    let ty = component.component_type();
    let engine = component.engine();
    let imported = ty.imports(engine).map(|(name, import)| match import.ty {
        ComponentItem::ComponentInstance(_) => name.to_owned(),
        _ => format!("{name} (not an interface)"),
    });
    let exported = ty.exports(engine).map(|(name, _)| name.to_owned());
    Interface {
        imports: imported.collect::<BTreeSet<_>>().into_iter().collect(),
        exports: exported.collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

fn classify(name: &str) -> Option<Import> {
    if let Some(interface) = own_interface(name) {
        let known = OWN_INTERFACES.into_iter().find(|known| *known == interface);
        return known.map(Import::Own);
    }
    let interface = on_track(name, "0.2")?;
    WASI_INTERFACES
        .into_iter()
        .find(|known| *known == interface)
        .map(Import::Wasi)
}

/// `ipam` of `wasm-cni:plugin/ipam@0.1.7`.
fn own_interface(name: &str) -> Option<&str> {
    on_track(name, "0.1")?.strip_prefix("wasm-cni:plugin/")
}

/// The name without its version, if the version is a release on `track`: pre-releases only ever match exactly.
fn on_track<'a>(name: &'a str, track: &str) -> Option<&'a str> {
    let (interface, version) = name.split_once('@')?;
    let patch = version.strip_prefix(track)?.strip_prefix('.')?;
    let is_number = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn importing(imports: &[&str]) -> Interface {
        Interface {
            imports: imports.iter().map(|&name| name.to_owned()).collect(),
            exports: vec!["wasm-cni:plugin/ipam@0.1.0".to_owned()],
        }
    }

    #[test]
    fn what_this_host_offers_passes() {
        let interface = importing(&["wasm-cni:plugin/leases@0.1.9", "wasi:io/poll@0.2.12"]);
        let imports = vec![Import::Own("leases"), Import::Wasi("wasi:io/poll")];
        assert_eq!(interface.audit(), Ok(imports));
        assert!(interface.uses_wasi());
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for name in [
            "wasi:http/types@0.2.10",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/poll",
            "wasm-cni:plugin/leases@0.2.0",
            "wasm-cni:plugin/ipam@0.1.0",
            "wasm-cni:plugin/leases@0.1.",
            "wasm-cni:plugin/leases@0.1.0 (not an interface)",
            "evil:host/exec@0.1.0",
            "leases",
        ] {
            let refused = AuditError::UnknownImport {
                import: name.to_owned(),
            };
            assert_eq!(importing(&[name]).audit(), Err(refused));
        }
    }

    #[test]
    fn a_component_without_a_role_is_no_plugin() {
        assert_eq!(Interface::default().audit(), Err(AuditError::NoRole));
    }

    #[test]
    fn roles_are_what_is_exported() {
        let interface = |exports: &[&str]| Interface {
            imports: Vec::new(),
            exports: exports.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(importing(&[]).roles(), [Role::Ipam]);
        let both = interface(&["wasm-cni:plugin/ipam@0.1.0", "wasm-cni:plugin/policy@0.1.3"]);
        assert_eq!(both.roles(), [Role::Ipam, Role::Policy]);
        let other_track = interface(&["wasm-cni:plugin/policy@0.2.0"]);
        assert_eq!(other_track.roles(), []);
    }

    #[test]
    fn every_grant_is_an_interface_that_may_be_imported() {
        for grant in Grant::ALL {
            assert!(OWN_INTERFACES.contains(&grant.name()), "{grant}");
        }
    }

    #[test]
    fn an_import_needs_its_grant_and_clock_and_log_need_none() {
        let interface = importing(&[
            "wasm-cni:plugin/clock@0.1.0",
            "wasm-cni:plugin/log@0.1.0",
            "wasm-cni:plugin/storage@0.1.0",
        ]);
        assert_eq!(interface.first_ungranted(&Grants::ipam()), None);
        let missing = interface.first_ungranted(&Grants::none()).unwrap();
        assert_eq!(missing.grant, Grant::Storage);
        assert_eq!(missing.import, "wasm-cni:plugin/storage@0.1.0");
    }
}
