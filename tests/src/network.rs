use serde_json::{Value, json};

use crate::{CniCall, Node, Pod};

/// A network of one plugin, as a runtime passes it on.
#[derive(Debug, Clone)]
pub struct Network {
    config: Value,
}

impl Network {
    /// The plugin's object gets the network's name and, unless it has one, version 1.0.0.
    #[must_use]
    pub fn new(name: &str, plugin: Value) -> Self {
        let mut config = plugin;
        config["name"] = name.into();
        if config["cniVersion"].is_null() {
            config["cniVersion"] = "1.0.0".into();
        }
        Self { config }
    }

    /// Our bridge `cni0` as default gateway with masquerade, and our host-local with a range set for each subnet.
    #[must_use]
    pub fn bridge(name: &str, subnets: &[&str]) -> Self {
        let link = json!({"kind": "bridge", "isDefaultGateway": true, "ipMasq": true});
        Self::of_link(name, link, subnets)
    }

    /// Any link of ours, and our host-local with a range set for each subnet.
    #[must_use]
    pub fn of_link(name: &str, link: Value, subnets: &[&str]) -> Self {
        let ranges: Vec<_> = subnets
            .iter()
            .map(|subnet| json!([{"subnet": subnet}]))
            .collect();
        let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
        Self::new(
            name,
            json!({"type": "wasm-cni", "link": link, "ipam": ipam}),
        )
    }

    /// The same network with one value changed; the path is a JSON pointer, its parents must exist.
    #[must_use]
    pub fn with(&self, pointer: &str, value: impl Into<Value>) -> Self {
        let mut changed = self.clone();
        if let Some((parent, key)) = pointer.rsplit_once('/')
            && let Some(object) = changed.config.pointer_mut(parent)
        {
            object[key] = value.into();
        }
        changed
    }

    /// The same network in another version of the specification.
    #[must_use]
    pub fn version(&self, version: &str) -> Self {
        self.with("/cniVersion", version)
    }

    /// What goes to standard input.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The plugin's executable.
    #[must_use]
    pub fn executable(&self) -> &str {
        self.config["type"].as_str().unwrap_or_default()
    }

    /// A call on this network.
    #[must_use]
    pub fn call<'a>(&self, node: &'a Node, verb: &str) -> CniCall<'a> {
        CniCall::new(node, self.executable(), verb).config(&self.config)
    }

    /// ADD of a pod's `eth0`.
    #[must_use]
    pub fn add<'a>(&self, node: &'a Node, pod: &Pod<'_>) -> CniCall<'a> {
        self.call(node, "ADD").pod(pod)
    }

    /// DEL of a pod's `eth0`, with this `prevResult` (Null: none).
    #[must_use]
    pub fn del<'a>(&self, node: &'a Node, pod: &Pod<'_>, previous: &Value) -> CniCall<'a> {
        self.with_previous(previous).call(node, "DEL").pod(pod)
    }

    /// CHECK of a pod's `eth0`, with this `prevResult`.
    #[must_use]
    pub fn check<'a>(&self, node: &'a Node, pod: &Pod<'_>, previous: &Value) -> CniCall<'a> {
        self.with_previous(previous).call(node, "CHECK").pod(pod)
    }

    /// The same network with this `prevResult`; Null leaves it out.
    #[must_use]
    pub fn with_previous(&self, previous: &Value) -> Self {
        if previous.is_null() {
            self.clone()
        } else {
            self.with("/prevResult", previous.clone())
        }
    }

    /// The network as a file for a runtime, `plugins` and all.
    #[must_use]
    pub fn conflist(&self) -> String {
        let mut plugin = self.config.clone();
        let (mut name, mut version) = (Value::Null, Value::Null);
        if let Some(object) = plugin.as_object_mut() {
            name = object.remove("name").unwrap_or_default();
            version = object.remove("cniVersion").unwrap_or_default();
        }
        json!({"cniVersion": version, "name": name, "plugins": [plugin]}).to_string()
    }
}
