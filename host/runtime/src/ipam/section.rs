//! The `ipam` section in the one form in which plugins read it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

/// The `ipam` object with all ranges under `ranges`, in the order in which the reference plugin host-local takes them:
/// the runtime's, the old single form, the section's own.
pub(super) fn plugin_config(
    section: &Map<String, Value>,
    runtime_config: Option<&Value>,
) -> Map<String, Value> {
    let mut config = section.clone();
    let mut sets: Vec<Value> = Vec::new();
    if let Some(Value::Array(from_runtime)) = runtime_config.and_then(|all| all.get("ipRanges")) {
        sets.extend(from_runtime.iter().cloned().map(small_initials));
    }
    if config.get("subnet").is_some_and(|subnet| !subnet.is_null()) {
        let keys = ["subnet", "rangeStart", "rangeEnd", "gateway"];
        let range: Map<String, Value> = keys
            .iter()
            .filter_map(|key| config.remove_entry(*key))
            .collect();
        sets.push(json!([range]));
    }
    if let Some(Value::Array(own)) = config.get("ranges") {
        sets.extend(own.iter().cloned());
    }
    if !sets.is_empty() {
        config.insert("ranges".into(), Value::Array(sets));
    }
    config
}

/// The `ipam` object with the caller's gateways at the fixed addresses in whose networks they lie, as the reference plugin
/// static has it.
pub(super) fn with_gateways(
    config: &Map<String, Value>,
    gateways: &[IpAddr],
) -> Map<String, Value> {
    let mut config = config.clone();
    let addresses = config.get_mut("addresses").and_then(Value::as_array_mut);
    for entry in addresses.into_iter().flatten() {
        let address = entry.get("address").and_then(Value::as_str);
        let network = address.and_then(|text| text.parse::<IpNet>().ok());
        let mut inside = gateways
            .iter()
            .filter(|gateway| network.is_some_and(|network| network.contains(*gateway)));
        if let (Some(gateway), Some(entry)) = (inside.next_back(), entry.as_object_mut()) {
            entry.insert("gateway".into(), gateway.to_string().into());
        }
    }
    config
}

/// Runtimes that use the library go-cni begin keys with capital letters, which Go reads alike; plugins need not know.
fn small_initials(set: Value) -> Value {
    match set {
        Value::Array(ranges) => ranges.into_iter().map(small_initials).collect(),
        Value::Object(range) => {
            let small = |key: String| {
                let mut letters = key.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                first.into_iter().chain(letters).collect()
            };
            range
                .into_iter()
                .map(|(key, value)| (small(key), value))
                .collect::<Map<String, Value>>()
                .into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_sees_all_ranges_in_one_place() {
        let section = json!({"type": "wasm-cni", "subnet": "10.1.0.0/24", "gateway": "10.1.0.9",
            "ranges": [[{"subnet": "fd00::/64"}]]});
        let runtime = json!({"ipRanges": [[{"Subnet": "10.9.0.0/24"}]]});
        let config = plugin_config(section.as_object().unwrap(), Some(&runtime));
        assert_eq!(
            config["ranges"],
            json!([[{"subnet": "10.9.0.0/24"}], [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}], [{"subnet": "fd00::/64"}]])
        );
        assert!(!config.contains_key("subnet") && !config.contains_key("gateway"));
    }

    #[test]
    fn a_gateway_of_the_caller_goes_to_the_addresses_around_it() {
        let config = json!({"addresses": [
            {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "10.2.0.5/24"}, {"address": "fd00::5/64"}, 7
        ]});
        let gateways = ["10.1.0.254", "fd00::1"].map(|gateway| gateway.parse().unwrap());
        let config = with_gateways(config.as_object().unwrap(), &gateways);
        assert_eq!(
            config["addresses"],
            json!([
                {"address": "10.1.0.5/24", "gateway": "10.1.0.254"}, {"address": "10.2.0.5/24"},
                {"address": "fd00::5/64", "gateway": "fd00::1"}, 7
            ])
        );
    }
}
