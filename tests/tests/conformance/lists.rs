//! Configurations in the reference plugins' own form.

use serde_json::{Value, json};
use wasm_cni_tests::Conflist;

/// One range of each family.
pub(crate) const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];

/// An object with the keys of both; those of `keys` win.
pub(crate) fn merged(base: &Value, keys: &Value) -> Value {
    let mut all = base.clone();
    for (key, value) in keys.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    all
}

/// `ipam` of host-local with a range set for each subnet.
pub(crate) fn host_local(subnets: &[&str]) -> Value {
    let ranges: Vec<_> = subnets
        .iter()
        .map(|subnet| json!([{"subnet": subnet}]))
        .collect();
    json!({"type": "host-local", "ranges": ranges})
}

/// Default routes of both families by the gateway of the range.
pub(crate) fn default_routes() -> Value {
    json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}])
}

/// An entry of this type with addresses of both families and default routes.
pub(crate) fn link(plugin: &str, keys: &Value) -> Value {
    let ipam = merged(&host_local(&SUBNETS), &json!({"routes": default_routes()}));
    merged(&json!({"type": plugin, "ipam": ipam}), keys)
}

/// The bridge `cni0` as gateway, with addresses of both families and default routes.
pub(crate) fn bridge(keys: &Value) -> Value {
    merged(
        &link("bridge", &json!({"bridge": "cni0", "isGateway": true})),
        keys,
    )
}

/// The network `pods` of these entries.
pub(crate) fn pods(entries: &[Value]) -> Conflist {
    Conflist::new("pods", entries)
}

/// The network `pods` of that bridge alone.
pub(crate) fn bridged(keys: &Value) -> Conflist {
    pods(&[bridge(keys)])
}

/// The bridge with one chained plugin behind it.
pub(crate) fn behind_bridge(entry: &Value) -> Conflist {
    pods(&[bridge(&json!({})), entry.clone()])
}
