//! Being run under the name of a reference plugin, with that plugin's own flat config.
//!
//! The config is put into our own form, once, and everything behind it knows that form alone. Keys that the reference
//! plugin does not know are passed over here, as it does; in our own form they are errors.

use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::role::OWN_TYPE;

mod keys;
mod table;

use keys::{find, known};
use table::{PLUGINS, Part, Plugin};

/// What the reference plugin's own executable is called that we have taken the name of: `bridge.reference`.
pub const KEPT_SUFFIX: &str = ".reference";

/// The names of the reference plugins that the executable may have.
pub fn names() -> impl Iterator<Item = &'static str> {
    PLUGINS.iter().map(|plugin| plugin.name)
}

/// The keys of a plugin object that the specification, its conventions or the runtime own.
const ENVELOPE: [&str; 8] = [
    "cniVersion",
    "cniVersions",
    "name",
    "capabilities",
    "runtimeConfig",
    "args",
    "prevResult",
    "dns",
];

/// Is this the name of a reference plugin that is a stage of a chain to us?
pub fn is_stage(name: &str) -> bool {
    plugin(name).is_some_and(|plugin| plugin.part == Part::Stage)
}

/// Is this the name of a reference plugin that decides about addresses?
pub(crate) fn is_ipam(name: &str) -> bool {
    plugin(name).is_some_and(|plugin| plugin.part == Part::Ipam)
}

/// A link's or a stage's config in our own form. The executable's file name and `type` must agree: a config of another
/// type is not meant for us in this way.
pub(crate) fn own_form(
    executable: &OsStr,
    document: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let name = document.get("type").and_then(Value::as_str)?;
    let plugin = plugin(name).filter(|_| executable == OsStr::new(name))?;
    let keys = known(document, plugin.keys);
    let own = match plugin.part {
        Part::Ipam => return None,
        Part::Link => link(plugin, keys, document),
        Part::Stage => stage(plugin, keys),
    };
    Some(own.into_iter().chain(envelope(document)).collect())
}

/// The keys of a reference plugin's `ipam` section as we name them; None where its `type` is another vendor's.
pub(crate) fn own_ipam(section: &Map<String, Value>) -> Option<Map<String, Value>> {
    let name = section.get("type").and_then(Value::as_str)?;
    let plugin = plugin(name).filter(|plugin| plugin.part == Part::Ipam)?;
    let mut own = known(section, plugin.keys);
    own.insert("plugin".into(), name.into());
    Some(own)
}

fn plugin(name: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|plugin| plugin.name == name)
}

fn envelope(document: &Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    let kept = |key: &str| ENVELOPE.contains(&key) || key.starts_with("cni.dev/");
    let entries = document.iter().filter(move |(key, _)| kept(key));
    entries.map(|(key, value)| (key.clone(), value.clone()))
}

fn link(
    plugin: &Plugin,
    mut keys: Map<String, Value>,
    document: &Map<String, Value>,
) -> Map<String, Value> {
    // nftables does what iptables would: nobody but us looks at the rules.
    if keys.get("ipMasqBackend").and_then(Value::as_str) == Some("iptables") {
        keys.remove("ipMasqBackend");
    }
    keys.insert("kind".into(), plugin.name.into());
    let mut own = Map::new();
    own.insert("type".into(), OWN_TYPE.into());
    own.insert("link".into(), keys.into());
    if let Some(ipam) = find(document, "ipam").filter(|ipam| names_ipam(ipam)) {
        own.insert("ipam".into(), ipam.clone());
    }
    own
}

/// The reference plugins take a section without `type` for "no addresses".
fn names_ipam(section: &Value) -> bool {
    let Value::Object(object) = section else {
        return true;
    };
    !matches!(object.get("type"), None | Some(Value::Null))
        && object.get("type").and_then(Value::as_str) != Some("")
}

fn stage(plugin: &Plugin, mut keys: Map<String, Value>) -> Map<String, Value> {
    keys.insert("type".into(), OWN_TYPE.into());
    keys.insert("plugin".into(), plugin.name.into());
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(executable: &str, document: Value) -> Option<Value> {
        own_form(OsStr::new(executable), document.as_object().unwrap()).map(Value::Object)
    }

    #[test]
    fn a_flat_config_becomes_a_link() {
        let config = json!({
            "cniVersion": "0.4.0", "name": "n", "type": "bridge", "bridge": "cni7", "isgateway": true, "mtu": null,
            "ipMasq": true, "ipMasqBackend": "iptables", "foo": 1, "dns": {"domain": "d"},
            "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}, "runtimeConfig": {"mac": ""}
        });
        assert_eq!(
            read("bridge", config),
            Some(json!({
                "cniVersion": "0.4.0", "name": "n", "type": "wasm-cni",
                "link": {"kind": "bridge", "bridge": "cni7", "isGateway": true, "ipMasq": true},
                "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"},
                "dns": {"domain": "d"}, "runtimeConfig": {"mac": ""}
            }))
        );
    }

    #[test]
    fn a_flat_config_becomes_a_stage() {
        let config = json!({
            "name": "n", "type": "tuning", "MTU": 1400, "plugin": "x", "grants": ["deny"],
            "cni.dev/valid-attachments": []
        });
        assert_eq!(
            read("tuning", config),
            Some(json!({
                "name": "n", "type": "wasm-cni", "plugin": "tuning", "mtu": 1400, "cni.dev/valid-attachments": []
            }))
        );
    }

    #[test]
    fn every_plugin_has_a_form() {
        for name in names() {
            let own = read(name, json!({"name": "n", "type": name}));
            let ipam = json!({"type": name});
            let own_ipam = own_ipam(ipam.as_object().unwrap());
            assert_ne!(own.is_some(), own_ipam.is_some(), "{name}");
        }
    }

    #[test]
    fn a_section_without_a_type_means_no_addresses() {
        for ipam in [
            json!({}),
            json!({"type": ""}),
            json!({"subnet": "10.0.0.0/24"}),
        ] {
            let own = read(
                "bridge",
                json!({"name": "n", "type": "bridge", "ipam": ipam}),
            );
            assert_eq!(own.unwrap().get("ipam"), None);
        }
    }

    #[test]
    fn an_ipam_section_is_read_by_its_type() {
        let section = json!({
            "type": "host-local", "plugin": "x", "dataDir": "/d",
            "Ranges": [[{"Subnet": "10.1.0.0/24", "rangestart": "10.1.0.9", "y": 1}]],
            "routes": [{"Dst": "0.0.0.0/0", "gw": null}]
        });
        assert_eq!(
            own_ipam(section.as_object().unwrap()).map(Value::Object),
            Some(json!({
                "plugin": "host-local", "dataDir": "/d",
                "ranges": [[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9"}]],
                "routes": [{"dst": "0.0.0.0/0"}]
            }))
        );
        let foreign = json!({"type": "dhcp"});
        assert_eq!(own_ipam(foreign.as_object().unwrap()), None);
    }

    #[test]
    fn a_config_that_is_not_meant_for_this_name_is_left_alone() {
        for (executable, config) in [
            ("tuning", json!({"type": "portmap"})),
            ("wasm-cni", json!({"type": "portmap"})),
            ("dhcp", json!({"type": "dhcp"})),
            ("host-local", json!({"type": "host-local"})),
            ("tuning", json!({"name": "n"})),
        ] {
            assert_eq!(read(executable, config), None);
        }
    }
}
