//! What one plugin reads on standard input (CNI 1.1.0, section 3, "Deriving request configuration").

use std::collections::BTreeMap;

use cni::attachment::ValidAttachment;
use serde_json::{Map, Value, json};

use super::conflist::{Network, Plugin};

/// What the runtime adds to a plugin's configuration for one call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Additions<'a> {
    /// Capability arguments by name; a plugin gets those that it declares.
    pub(crate) capability_arguments: Option<&'a BTreeMap<String, Value>>,
    /// The `args.cni` of every plugin.
    pub(crate) cni_args: Option<&'a Value>,
    /// The previous plugin's result, on DEL and CHECK the chain's final one.
    pub(crate) previous_result: Option<&'a Value>,
    /// On GC: what is not stale. An empty list says that everything is.
    pub(crate) valid_attachments: Option<&'a [ValidAttachment]>,
}

/// The request for one plugin of a network: its own keys unchanged, the runtime's added.
pub(crate) fn build(
    network: &Network,
    plugin: &Plugin,
    additions: Additions<'_>,
) -> Map<String, Value> {
    let mut request = plugin.object.clone();
    request.insert("name".to_owned(), json!(network.name));
    request.insert("cniVersion".to_owned(), json!(network.version));
    // What only a runtime may set is not taken from a file.
    for key in ["prevResult", "runtimeConfig"] {
        request.remove(key);
    }
    if let Some(previous) = additions.previous_result {
        request.insert("prevResult".to_owned(), previous.clone());
    }
    let runtime_config: Map<String, Value> = additions
        .capability_arguments
        .into_iter()
        .flatten()
        .filter(|(name, _)| plugin.capabilities.contains(*name))
        .map(|(name, argument)| (name.clone(), argument.clone()))
        .collect();
    if !runtime_config.is_empty() {
        request.insert("runtimeConfig".to_owned(), Value::Object(runtime_config));
    }
    if let Some(args) = additions.cni_args {
        let mut all = match request.remove("args") {
            Some(Value::Object(all)) => all,
            _ => Map::new(),
        };
        all.insert("cni".to_owned(), args.clone());
        request.insert("args".to_owned(), Value::Object(all));
    }
    if let Some(valid) = additions.valid_attachments {
        request.insert("cni.dev/valid-attachments".to_owned(), json!(valid));
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(plugin: Value) -> Network {
        Network::from_json(json!({"cniVersion": "1.1.0", "name": "pods", "plugins": [plugin]}))
            .unwrap()
    }

    fn request(plugin: Value, additions: Additions<'_>) -> Value {
        let network = network(plugin);
        Value::Object(build(&network, &network.plugins[0], additions))
    }

    #[test]
    fn name_and_version_are_the_lists_and_own_keys_stay() {
        let plugin = json!({"type": "p", "name": "x", "cniVersion": "0.1.0", "own": [1]});
        assert_eq!(
            request(plugin, Additions::default()),
            json!({"type": "p", "name": "pods", "cniVersion": "1.1.0", "own": [1]})
        );
    }

    #[test]
    fn a_plugin_gets_the_capability_arguments_that_it_declares() {
        let arguments = BTreeMap::from([
            ("ips".to_owned(), json!(["10.0.0.2"])),
            ("mac".to_owned(), json!("02:00:00:00:00:01")),
        ]);
        let additions = Additions {
            capability_arguments: Some(&arguments),
            ..Additions::default()
        };
        let plugin = json!({"type": "p", "capabilities": {"ips": true, "mac": false}});
        let built = request(plugin, additions);
        assert_eq!(built["runtimeConfig"], json!({"ips": ["10.0.0.2"]}));
        let built = request(json!({"type": "p"}), additions);
        assert_eq!(built.get("runtimeConfig"), None);
    }

    #[test]
    fn what_only_a_runtime_may_set_is_not_taken_from_a_file() {
        let plugin = json!({"type": "p", "prevResult": {}, "runtimeConfig": {"ips": []}});
        let built = request(plugin, Additions::default());
        assert_eq!(built.get("prevResult"), None);
        assert_eq!(built.get("runtimeConfig"), None);
    }

    #[test]
    fn an_empty_list_of_valid_attachments_is_still_sent() {
        let additions = Additions {
            valid_attachments: Some(&[]),
            ..Additions::default()
        };
        let built = request(json!({"type": "p"}), additions);
        assert_eq!(built["cni.dev/valid-attachments"], json!([]));
        let built = request(json!({"type": "p"}), Additions::default());
        assert_eq!(built.get("cni.dev/valid-attachments"), None);
    }

    #[test]
    fn previous_result_and_args_are_handed_over() {
        let previous = json!({"cniVersion": "1.1.0"});
        let args = json!({"ips": ["10.0.0.9"]});
        let additions = Additions {
            previous_result: Some(&previous),
            cni_args: Some(&args),
            ..Additions::default()
        };
        let built = request(json!({"type": "p", "args": {"old": 1}}), additions);
        assert_eq!(built["prevResult"], previous);
        assert_eq!(built["args"], json!({"old": 1, "cni": args}));
    }
}
