//! The plugins that are part of `wasm-cni`, compiled here when a command runs one.

use anyhow::{Context, ensure};
use runtime::Builtin;
use serde_json::Value;

use crate::plugin;

#[cfg(has_builtins)]
const MODULE: &[u8] = include_bytes!(env!("WASM_CNI_BUILTIN_MODULE"));
#[cfg(not(has_builtins))]
const MODULE: &[u8] = &[];

/// The built-in plugins, where one of `names` is theirs.
///
/// # Errors
/// This executable was built without them.
pub(crate) fn for_plugins<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<Option<Builtin>> {
    let Some(name) = names.into_iter().find(|name| runtime::is_built_in(name)) else {
        return Ok(None);
    };
    ensure!(
        !MODULE.is_empty(),
        "plugin {name} is built in, and this wasm-cnictl was built without the built-in plugins: \
         build it with `make build`, or set WASM_CNI_BUILTIN_MODULE to their wasm_cni_builtin.wasm"
    );
    let component = plugin::component_of(MODULE).context("the built-in plugins")?;
    let builtin = Builtin::compile(&component).context("the built-in plugins")?;
    Ok(Some(builtin))
}

/// Every plugin that a configuration names, wherever it does: by `plugin`, or as a `type` that may be ours under the name of
/// a reference plugin.
pub(crate) fn named(config: &Value) -> Vec<&str> {
    match config {
        Value::Object(object) => {
            let own = ["plugin", "type"]
                .into_iter()
                .filter_map(|key| object.get(key)?.as_str());
            own.chain(object.values().flat_map(named)).collect()
        }
        Value::Array(items) => items.iter().flat_map(named).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plugins_are_found_wherever_they_are_named() {
        let config = json!({"plugins": [
            {"ipam": {"plugin": "host-local"}, "chain": [{"plugin": "portmap", "plugin2": "no"}]},
            {"type": "tuning"},
            {"plugin": "own"},
        ]});
        let mut names = named(&config);
        names.sort_unstable();
        assert_eq!(names, ["host-local", "own", "portmap", "tuning"]);
    }

    #[test]
    fn nothing_is_compiled_for_plugins_of_others() {
        assert!(for_plugins(["tenant-guard"]).unwrap().is_none());
    }
}
