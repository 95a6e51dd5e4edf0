use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What is measured: a network's plugins, run one after the other as a runtime does.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) plugins: Vec<Plugin>,
    /// `CNI_PATH`.
    pub(crate) path: String,
    /// Ports of the host that each container gets.
    pub(crate) forwarded: Option<Forwarded>,
}

/// How its executables are called.
#[derive(PartialEq, Eq)]
pub(crate) enum Kind {
    Cni,
    /// See `tests/floor`.
    Floor {
        bridge: String,
    },
}

/// Ports of the host that lead to a container.
pub(crate) struct Forwarded {
    pub(crate) ports: u16,
    pub(crate) protocol: &'static str,
}

/// An executable with its configuration.
pub(crate) struct Plugin {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) config: Value,
}

/// Where the executables are.
pub(crate) struct Sides<'a> {
    pub(crate) ours: &'a Path,
    pub(crate) reference: &'a Path,
    pub(crate) floor: &'a Path,
    pub(crate) wasm_cnictl: &'a Path,
}

/// A bridge that [`Sides::floor`] finds.
pub(crate) const FLOOR_BRIDGE: &str = "floor0";

impl Sides<'_> {
    pub(crate) fn floor(&self) -> Subject {
        Subject {
            kind: Kind::Floor {
                bridge: FLOOR_BRIDGE.into(),
            },
            plugins: vec![plugin(self.floor, json!({}))],
            path: String::new(),
            forwarded: None,
        }
    }

    /// A bridge with these further keys: ours and the reference's.
    pub(crate) fn bridge(&self, name: &str, keys: Value, ranges: &Value) -> (Subject, Subject) {
        let link = merged(
            json!({"kind": "bridge", "bridge": format!("o-{name}"), "isGateway": true}),
            &keys,
        );
        let flat = merged(
            json!({"bridge": format!("r-{name}"), "isGateway": true, "forceAddress": true, "ipam": their_ipam(ranges)}),
            &keys,
        );
        (
            self.ours_on(name, link, ranges, json!([])),
            self.reference(name, vec![("bridge", flat)]),
        )
    }

    pub(crate) fn reference_ptp(&self) -> Subject {
        let config = json!({"ipam": their_ipam(&subnet())});
        self.reference("ptp", vec![("ptp", config)])
    }

    /// What a Kubernetes node runs for a pod: masquerade, a port, rates both ways, firewall, a sysctl.
    pub(crate) fn six_stages(&self) -> (Subject, Subject) {
        let rates = json!({"ingressRate": 100_000_000, "ingressBurst": 1_000_000,
            "egressRate": 100_000_000, "egressBurst": 1_000_000});
        let sysctl = json!({"sysctl": {"net.core.somaxconn": "500"}});
        let stages = json!([
            stage("portmap", &json!({})),
            stage("bandwidth", &rates),
            stage("firewall", &json!({})),
            stage("tuning", &sysctl),
        ]);
        let link = json!({"kind": "bridge", "bridge": "o-six", "isGateway": true, "ipMasq": true});
        let flat = json!({"bridge": "r-six", "isGateway": true, "ipMasq": true, "forceAddress": true,
            "ipam": their_ipam(&subnet())});
        let theirs = vec![
            ("bridge", flat),
            ("portmap", json!({})),
            ("bandwidth", rates),
            ("firewall", json!({"backend": "iptables"})),
            ("tuning", sysctl),
        ];
        (
            forwarding(self.ours_of("six", link, stages), 1, "tcp"),
            forwarding(self.reference("six", theirs), 1, "tcp"),
        )
    }

    /// A bridge of ours with a chain.
    pub(crate) fn chain(&self, name: &str, stages: Value) -> Subject {
        let link = json!({"kind": "bridge", "bridge": format!("o-{name}"), "isGateway": true});
        self.ours_of(name, link, stages)
    }

    /// Ours alone, with three forwarded ports each, with ten flow rules each, and with neither.
    pub(crate) fn of_many(&self) -> Vec<(&'static str, Subject)> {
        let allowed: Vec<Value> = (0..10)
            .map(|index| json!({"cidr": format!("192.0.{index}.0/24"), "protocol": "tcp", "ports": [8000 + index]}))
            .collect();
        let flows = json!([stage(
            "flow-policy",
            &json!({"ingress": {"default": "drop", "allow": allowed}})
        )]);
        let ports = json!([stage("portmap", &json!({}))]);
        let ptp = |name, chain| self.ours_of(name, json!({"kind": "ptp"}), chain);
        vec![
            ("ptp", ptp("many-ptp", json!([]))),
            (
                "ptp, three ports",
                forwarding(ptp("many-ptp-ports", ports.clone()), 3, "tcp"),
            ),
            ("ptp, ten flow rules", ptp("many-ptp-flows", flows.clone())),
            ("bridge", self.chain("many", json!([]))),
            (
                "bridge, three ports",
                forwarding(self.chain("ports", ports), 3, "tcp"),
            ),
            ("bridge, ten flow rules", self.chain("flows", flows)),
        ]
    }

    /// The IPAM of each side by itself, called as the bridge plugin calls it.
    pub(crate) fn ipam(&self, name: &str, subnet: &str) -> (Subject, Subject) {
        let ranges = json!([[{ "subnet": subnet }]]);
        let of = |executable: &Path, ipam: Value| {
            let config = config(name, "bridge", json!({ "ipam": ipam }));
            self.subject(vec![plugin(executable, config)])
        };
        (
            of(
                self.ours,
                json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges}),
            ),
            of(&self.reference.join("host-local"), their_ipam(&ranges)),
        )
    }

    pub(crate) fn ours_of(&self, name: &str, link: Value, chain: Value) -> Subject {
        self.ours_on(name, link, &subnet(), chain)
    }

    fn ours_on(&self, name: &str, link: Value, ranges: &Value, chain: Value) -> Subject {
        let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
        let keys = json!({"link": link, "ipam": ipam, "chain": chain});
        let config = config(&format!("ours-{name}"), "wasm-cni", keys);
        self.subject(vec![plugin(self.ours, config)])
    }

    fn reference(&self, name: &str, plugins: Vec<(&str, Value)>) -> Subject {
        let plugins = plugins.into_iter().map(|(kind, keys)| {
            let config = config(&format!("reference-{name}"), kind, keys);
            plugin(&self.reference.join(kind), config)
        });
        self.subject(plugins.collect())
    }

    fn subject(&self, plugins: Vec<Plugin>) -> Subject {
        Subject {
            kind: Kind::Cni,
            plugins,
            path: self.reference.display().to_string(),
            forwarded: None,
        }
    }
}

fn plugin(executable: &Path, config: Value) -> Plugin {
    Plugin {
        executable: executable.into(),
        arguments: Vec::new(),
        config,
    }
}

/// The same network with ports for each container.
pub(crate) fn forwarding(mut subject: Subject, ports: u16, protocol: &'static str) -> Subject {
    subject.forwarded = Some(Forwarded { ports, protocol });
    subject
}

pub(crate) fn subnet() -> Value {
    json!([[{"subnet": "10.1.0.0/16"}]])
}

pub(crate) fn dual_stack() -> Value {
    json!([[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]])
}

fn their_ipam(ranges: &Value) -> Value {
    json!({"type": "host-local", "ranges": ranges})
}

pub(crate) fn stage(plugin: &str, keys: &Value) -> Value {
    merged(json!({ "plugin": plugin }), keys)
}

fn merged(mut base: Value, keys: &Value) -> Value {
    if let (Some(base), Some(keys)) = (base.as_object_mut(), keys.as_object()) {
        base.extend(keys.clone());
    }
    base
}

/// A plugin's configuration: what every one has, and the rest.
fn config(name: &str, kind: &str, mut config: Value) -> Value {
    if let Some(config) = config.as_object_mut() {
        config.insert("cniVersion".into(), json!("1.0.0"));
        config.insert("name".into(), json!(name));
        config.insert("type".into(), json!(kind));
    }
    config
}
