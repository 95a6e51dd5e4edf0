//! Networks with stages, in the ways that a stage can be written.

use serde_json::{Value, json};
use wasm_cni_tests::Conflist;

/// What [`full_chain`] hands out.
pub(crate) const SUBNETS: [&str; 2] = ["10.1.0.0/24", "fd00:1::/64"];

/// Our bridge with every kind of stage; this port of the host leads to port 80 of the container.
pub(crate) fn full_chain(port: u16) -> Conflist {
    full_chain_on(bridge("cni0", &SUBNETS), port)
}

/// The same on another link.
pub(crate) fn full_chain_on(link: Value, port: u16) -> Conflist {
    chain("pods", link, &every_stage()).capability(
        "portMappings",
        json!([mapping("tcp", port, 80), mapping("udp", port, 80)]),
    )
}

/// The stages of [`full_chain`].
pub(crate) fn every_stage() -> [Value; 5] {
    [
        json!({"plugin": "portmap"}),
        json!({
            "plugin": "bandwidth",
            "ingressRate": 80_000_000, "ingressBurst": 8_000_000, "egressRate": 80_000_000, "egressBurst": 8_000_000,
        }),
        json!({"plugin": "firewall", "ingressPolicy": "same-bridge"}),
        json!({"plugin": "flow-policy", "ingress": {"deny": [{"ports": [81]}]}}),
        json!({"plugin": "tuning", "mtu": 1380, "sysctl": {"net.core.somaxconn": "511"}}),
    ]
}

/// Our bridge as default gateway with masquerade, and our host-local with a range set for each subnet.
pub(crate) fn bridge(name: &str, subnets: &[&str]) -> Value {
    let ranges: Vec<_> = subnets
        .iter()
        .map(|subnet| json!([{"subnet": subnet}]))
        .collect();
    json!({
        "type": "wasm-cni",
        "link": {"kind": "bridge", "bridge": name, "isDefaultGateway": true, "ipMasq": true},
        "ipam": {"type": "wasm-cni", "plugin": "host-local", "ranges": ranges},
    })
}

/// The same by the reference plugins.
pub(crate) fn reference_bridge(name: &str, subnets: &[&str]) -> Value {
    let ranges: Vec<_> = subnets
        .iter()
        .map(|subnet| json!([{"subnet": subnet}]))
        .collect();
    json!({
        "type": "bridge", "bridge": name, "isDefaultGateway": true, "ipMasq": true,
        "ipam": {"type": "host-local", "ranges": ranges},
    })
}

/// The whole chain in one entry.
pub(crate) fn chain(name: &str, mut link: Value, stages: &[Value]) -> Conflist {
    link["chain"] = stages.into();
    link["capabilities"] =
        json!({"portMappings": true, "bandwidth": true, "mac": true, "ips": true});
    Conflist::new(name, &[link])
}

/// One entry of our type for each stage.
pub(crate) fn entries(name: &str, link: Value, stages: &[Value]) -> Conflist {
    with_entries(name, link, stages, |stage| {
        stage["type"] = "wasm-cni".into()
    })
}

/// One entry for each stage, in the reference plugins' own form.
pub(crate) fn reference_entries(name: &str, link: Value, stages: &[Value]) -> Conflist {
    with_entries(name, link, stages, |stage| {
        stage["type"] = stage["plugin"].take();
        if let Some(object) = stage.as_object_mut() {
            object.remove("plugin");
        }
    })
}

fn with_entries(name: &str, link: Value, stages: &[Value], write: fn(&mut Value)) -> Conflist {
    let mut plugins = vec![link];
    for stage in stages {
        let mut stage = stage.clone();
        let capabilities = match stage["plugin"].as_str() {
            Some("portmap") => json!({"portMappings": true}),
            Some("bandwidth") => json!({"bandwidth": true}),
            _ => json!({}),
        };
        write(&mut stage);
        stage["capabilities"] = capabilities;
        plugins.push(stage);
    }
    Conflist::new(name, &plugins)
}

/// A mapping as runtimes pass it.
pub(crate) fn mapping(protocol: &str, host_port: u16, container_port: u16) -> Value {
    json!({"hostPort": host_port, "containerPort": container_port, "protocol": protocol})
}
