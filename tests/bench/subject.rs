use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What is measured: an executable with a configuration.
pub(crate) struct Subject {
    pub(crate) executable: PathBuf,
    pub(crate) path: String,
    pub(crate) config: Value,
}

impl Subject {
    /// The scenarios, ours and the reference's.
    pub(crate) fn pairs(ours: &Path, reference: &Path) -> Vec<(&'static str, Self, Self)> {
        let scenario = |name: &'static str, own: Value, kind: &str, flat: Value| {
            let own = Self {
                executable: ours.into(),
                path: reference.display().to_string(),
                config: config(&format!("ours-{name}"), "wasm-cni", own),
            };
            let flat = Self {
                executable: reference.join(kind),
                path: reference.display().to_string(),
                config: config(&format!("reference-{name}"), kind, flat),
            };
            (name, own, flat)
        };
        let v4 = json!([[{"subnet": "10.1.0.0/16"}]]);
        let dual = json!([[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]]);
        let ours_ipam =
            |ranges: &Value| json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
        let their_ipam = |ranges: &Value| json!({"type": "host-local", "ranges": ranges});
        vec![
            scenario(
                "bridge",
                json!({"link": {"kind": "bridge", "bridge": "ours0", "isGateway": true}, "ipam": ours_ipam(&v4)}),
                "bridge",
                json!({"bridge": "ref0", "isGateway": true, "forceAddress": true, "ipam": their_ipam(&v4)}),
            ),
            scenario(
                "bridge, dual stack",
                json!({"link": {"kind": "bridge", "bridge": "ours1", "isGateway": true}, "ipam": ours_ipam(&dual)}),
                "bridge",
                json!({"bridge": "ref1", "isGateway": true, "forceAddress": true, "ipam": their_ipam(&dual)}),
            ),
            scenario(
                "bridge, masquerade",
                json!({"link": {"kind": "bridge", "bridge": "ours2", "isGateway": true, "ipMasq": true}, "ipam": ours_ipam(&v4)}),
                "bridge",
                json!({"bridge": "ref2", "isGateway": true, "ipMasq": true, "forceAddress": true, "ipam": their_ipam(&v4)}),
            ),
            scenario(
                "ptp",
                json!({"link": {"kind": "ptp"}, "ipam": ours_ipam(&v4)}),
                "ptp",
                json!({"ipam": their_ipam(&v4)}),
            ),
        ]
    }
}

/// A plugin's configuration: what every one has, and the rest.
fn config(name: &str, kind: &str, mut config: Value) -> Value {
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    if let Some(config) = config.as_object_mut() {
        config.insert("cniVersion".into(), json!("1.0.0"));
        config.insert("name".into(), json!(name));
        config.insert("type".into(), json!(kind));
    }
    config
}
