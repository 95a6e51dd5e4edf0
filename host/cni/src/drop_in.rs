//! Being run under the name of a reference plugin, with that plugin's own flat config.

use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::role::OWN_TYPE;

/// The reference plugins that are stages of a chain to us.
pub const STAGES: [&str; 5] = ["portmap", "bandwidth", "firewall", "tuning", "sbr"];

/// Puts a reference plugin's config into our own form. The executable's file name and `type` must agree: a config of
/// another type is not meant for us in this way.
pub(crate) fn rewrite(executable: &OsStr, document: &mut Map<String, Value>) {
    let named = document.get("type").and_then(Value::as_str);
    let Some(name) = named
        .filter(|name| executable == OsStr::new(name) && STAGES.contains(name))
        .map(ToOwned::to_owned)
    else {
        return;
    };
    document.insert("type".into(), OWN_TYPE.into());
    document.insert("plugin".into(), name.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rewritten(executable: &str, document: Value) -> Value {
        let mut document = document.as_object().unwrap().clone();
        rewrite(OsStr::new(executable), &mut document);
        Value::Object(document)
    }

    #[test]
    fn a_reference_plugins_config_becomes_a_stage() {
        let config = json!({"name": "n", "type": "tuning", "mtu": 1400});
        assert_eq!(
            rewritten("tuning", config),
            json!({"name": "n", "type": "wasm-cni", "plugin": "tuning", "mtu": 1400})
        );
    }

    #[test]
    fn a_config_that_is_not_meant_for_this_name_is_left_alone() {
        for (executable, config) in [
            ("tuning", json!({"type": "portmap"})),
            ("wasm-cni", json!({"type": "portmap"})),
            ("dhcp", json!({"type": "dhcp"})),
            ("tuning", json!({"name": "n"})),
        ] {
            assert_eq!(rewritten(executable, config.clone()), config);
        }
    }
}
