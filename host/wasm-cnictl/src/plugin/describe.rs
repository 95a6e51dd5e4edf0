//! What a plugin's imports and exports mean, in words.

use engine::{Grant, Interface, Manifest};
use serde::Serialize;

use crate::printable;
use crate::table::{self, Rows};

/// One plugin, as `plugin install`, `plugin list` and `plugin inspect` answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    /// Its name; null for a file that is not installed.
    pub(super) name: Option<String>,
    /// `sha256:` and 64 hexadecimal digits, as a configuration's `digest` pins it.
    pub(super) digest: String,
    /// Of the component, in bytes.
    pub(super) size: u64,
    /// The grants that it needs.
    pub(super) grants: Vec<&'static str>,
    /// Does it import WASI?
    pub(super) wasi: bool,
    /// Imported names, sorted.
    pub(super) imports: Vec<String>,
    /// Exported names, sorted.
    pub(super) exports: Vec<String>,
    /// Why it can't be used; null when it can.
    pub(super) problem: Option<String>,
    /// What is known of an installed plugin only.
    #[serde(flatten)]
    pub(super) installation: Option<Installation>,
}

/// How a plugin was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Installation {
    /// Of the compiled code, in bytes.
    precompiled_size: u64,
    /// For which processor.
    compiled_for: String,
    /// By which version of wasm-cni.
    version: String,
    /// When, in seconds since 1970.
    installed_at: u64,
}

impl Description {
    /// Of a component that is not installed.
    pub(super) fn of_component(digest: String, size: u64, interface: Interface) -> Self {
        let problem = interface
            .require_plugin()
            .err()
            .map(|error| error.to_string());
        Self {
            name: None,
            digest,
            size,
            grants: grants(&interface.imports),
            wasi: interface.uses_wasi(),
            imports: interface.imports,
            exports: interface.exports,
            problem,
            installation: None,
        }
    }

    /// Of an installed plugin; `problem` says why it can't be loaded.
    pub(super) fn of_installed(manifest: Manifest, problem: Option<String>) -> Self {
        Self {
            name: Some(manifest.name),
            digest: manifest.digest,
            size: manifest.size,
            grants: grants(&manifest.imports),
            wasi: manifest.wasi,
            imports: manifest.imports,
            exports: manifest.exports,
            problem,
            installation: Some(Installation {
                precompiled_size: manifest.precompiled_size,
                compiled_for: manifest.compiled_for,
                version: manifest.version,
                installed_at: manifest.installed_at,
            }),
        }
    }

    /// When it was installed, as text.
    pub(super) fn installed_at(&self) -> String {
        self.installation
            .as_ref()
            .map_or("-".to_owned(), |known| table::time(known.installed_at))
    }

    /// Everything about it, for people.
    pub(super) fn text(&self) -> String {
        let mut rows = Rows::new(["PLUGIN", self.name.as_deref().unwrap_or("not installed")]);
        rows.push(["digest".to_owned(), self.digest.clone()]);
        rows.push(["size".to_owned(), table::size(self.size)]);
        if let Some(known) = &self.installation {
            let compiled = format!(
                "{}, for {}, by version {}",
                table::size(known.precompiled_size),
                known.compiled_for,
                known.version
            );
            rows.push(["compiled".to_owned(), compiled]);
            rows.push(["installed".to_owned(), table::time(known.installed_at)]);
        }
        let grants = table::list(self.grants.iter().map(|grant| (*grant).to_owned()));
        rows.push(["grants".to_owned(), grants]);
        let problem = self.problem.clone().unwrap_or_else(|| "yes".to_owned());
        rows.push(["usable".to_owned(), problem]);
        let mut lines = vec![rows.render(), "imports".to_owned()];
        let meaning = |name: &String| format!("  {}: {}", printable::line(name), meaning(name));
        lines.extend(
            self.imports
                .iter()
                .filter(|name| !is_wasi(name))
                .map(meaning),
        );
        if self.wasi {
            let count = self.imports.iter().filter(|name| is_wasi(name)).count();
            lines.push(format!("  {count} of WASI: served, with everything denied: no files, no environment, no sockets, no input; time and random numbers are the host's and the same in each run; waits return at once"));
        }
        if self.imports.is_empty() {
            lines.push("  nothing".to_owned());
        }
        lines.push("exports".to_owned());
        lines.extend(self.exports.iter().map(|name| {
            let name = printable::line(name);
            match own(&name) {
                Some("ipam") => format!("  {name}: decides about addresses (ipam.plugin)"),
                _ => format!("  {name}: not called"),
            }
        }));
        lines.join("\n")
    }
}

/// The grants that a plugin with these imports needs.
fn grants(imports: &[String]) -> Vec<&'static str> {
    let imported = |grant: &Grant| imports.iter().any(|name| own(name) == Some(grant.name()));
    Grant::ALL
        .iter()
        .filter(|grant| imported(grant))
        .map(|grant| grant.name())
        .collect()
}

/// `leases` of `wasm-cni:plugin/leases@0.1.0`.
fn own(name: &str) -> Option<&str> {
    name.strip_prefix("wasm-cni:plugin/")?.split('@').next()
}

fn is_wasi(name: &str) -> bool {
    name.starts_with("wasi:")
}

fn meaning(name: &str) -> &'static str {
    match own(name) {
        Some("types") => "data types, no function",
        Some("clock") => "asks for the time of the call",
        Some("log") => "writes to the node's log",
        Some("leases") => "reserves addresses inside the network's ranges (grant leases)",
        Some("storage") => "keeps values of its own between calls (grant storage)",
        _ => "not offered, so it can't be run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(imports: &[&str]) -> Description {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let exports = names(&["wasm-cni:plugin/ipam@0.1.0", "init"]);
        let interface = Interface {
            imports: names(imports),
            exports,
        };
        Description::of_component("sha256:00".to_owned(), 42_333, interface)
    }

    #[test]
    fn grants_follow_from_imports() {
        let plugin = description(&["wasm-cni:plugin/log@0.1.0", "wasm-cni:plugin/leases@0.1.0"]);
        assert_eq!(plugin.grants, ["leases"]);
        assert!(!plugin.wasi);
        let text = plugin.text();
        assert!(
            text.contains("grant leases") && text.contains("decides about addresses"),
            "{text}"
        );
        assert!(text.contains("init: not called"), "{text}");
    }

    #[test]
    fn wasi_is_told_in_one_line() {
        let plugin = description(&["wasi:io/poll@0.2.0", "wasi:cli/stdin@0.2.0"]);
        assert!(plugin.wasi && plugin.grants.is_empty());
        assert!(
            plugin.text().contains("2 of WASI: served"),
            "{}",
            plugin.text()
        );
    }

    #[test]
    fn what_is_not_offered_is_said_so_and_harmless_on_a_terminal() {
        let text = description(&["evil:host/exec\u{1b}[2J"]).text();
        assert!(
            text.contains("not offered") && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}
