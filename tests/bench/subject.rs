use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What is measured: a network's plugins, run one after the other as a runtime does.
pub(crate) struct Subject {
    pub(crate) plugins: Vec<Plugin>,
    /// `CNI_PATH`.
    pub(crate) path: String,
}

/// An executable with its configuration.
pub(crate) struct Plugin {
    pub(crate) executable: PathBuf,
    pub(crate) config: Value,
}

/// Where the two sides are.
pub(crate) struct Sides<'a> {
    pub(crate) ours: &'a Path,
    pub(crate) reference: &'a Path,
}

/// A scenario and both sides of it.
pub(crate) type Pair = (&'static str, Subject, Subject);

impl Sides<'_> {
    /// The scenarios in which one attachment comes and goes.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        let dual = json!([[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]]);
        vec![
            self.bridge("bridge", json!({}), &subnet()),
            self.bridge("bridge, dual stack", json!({}), &dual),
            self.bridge("bridge, masquerade", json!({"ipMasq": true}), &subnet()),
            (
                "ptp",
                self.own("ptp", json!({"kind": "ptp"}), &subnet(), json!([])),
                self.reference("ptp", vec![("ptp", json!({"ipam": their_ipam(&subnet())}))]),
            ),
            self.six_stages(),
        ]
    }

    fn bridge(&self, name: &'static str, keys: Value, ranges: &Value) -> Pair {
        let link = merged(
            json!({"kind": "bridge", "bridge": bridge("o", name), "isGateway": true}),
            &keys,
        );
        let flat = merged(
            json!({"bridge": bridge("r", name), "isGateway": true, "forceAddress": true, "ipam": their_ipam(ranges)}),
            &keys,
        );
        (
            name,
            self.own(name, link, ranges, json!([])),
            self.reference(name, vec![("bridge", flat)]),
        )
    }

    /// What a Kubernetes node runs for a pod: masquerade, a port, rates both ways, firewall, a sysctl.
    fn six_stages(&self) -> Pair {
        let name = "six stages";
        let rates = json!({"ingressRate": 100_000_000, "ingressBurst": 1_000_000,
            "egressRate": 100_000_000, "egressBurst": 1_000_000});
        let sysctl = json!({"sysctl": {"net.core.somaxconn": "500"}});
        let stages = json!([
            with_plugin("portmap", &json!({})),
            with_plugin("bandwidth", &rates),
            with_plugin("firewall", &json!({})),
            with_plugin("tuning", &sysctl),
        ]);
        let link = json!({"kind": "bridge", "bridge": bridge("o", name), "isGateway": true, "ipMasq": true});
        let flat = json!({"bridge": bridge("r", name), "isGateway": true, "ipMasq": true, "forceAddress": true,
            "ipam": their_ipam(&subnet())});
        let theirs = vec![
            ("bridge", flat),
            ("portmap", json!({})),
            ("bandwidth", rates),
            ("firewall", json!({"backend": "iptables"})),
            ("tuning", sysctl),
        ];
        (
            name,
            self.own(name, link, &subnet(), stages),
            self.reference(name, theirs),
        )
    }

    /// Ours alone, with three forwarded ports each, with ten flow rules each, and with neither: a bridge floods what a new
    /// container announces to every port, which costs the same whatever the chain, and point-to-point links don't.
    pub(crate) fn of_many(&self) -> Vec<(&'static str, Subject)> {
        let allowed: Vec<Value> = (0..10)
            .map(|index| json!({"cidr": format!("192.0.{index}.0/24"), "protocol": "tcp", "ports": [8000 + index]}))
            .collect();
        let flows = json!({"ingress": {"default": "drop", "allow": allowed}});
        let chains = [
            json!([]),
            json!([with_plugin("portmap", &json!({}))]),
            json!([with_plugin("flow-policy", &flows)]),
        ];
        let [none, ports, flows] = &chains;
        let of = |name: &'static str, link: Value, chain: &Value| {
            (name, self.own(name, link, &subnet(), chain.clone()))
        };
        let bridge = |name| json!({"kind": "bridge", "bridge": name, "isGateway": true});
        let ptp = || json!({"kind": "ptp"});
        vec![
            of("ptp", ptp(), none),
            of("ptp, three ports", ptp(), ports),
            of("ptp, ten flow rules", ptp(), flows),
            of("bridge", bridge("many0"), none),
            of("bridge, three ports", bridge("many1"), ports),
            of("bridge, ten flow rules", bridge("many2"), flows),
        ]
    }

    fn own(&self, name: &str, link: Value, ranges: &Value, chain: Value) -> Subject {
        let ipam = json!({"type": "wasm-cni", "plugin": "host-local", "ranges": ranges});
        let keys = json!({"link": link, "ipam": ipam, "chain": chain});
        Subject {
            plugins: vec![Plugin {
                executable: self.ours.into(),
                config: config(&format!("ours-{name}"), "wasm-cni", keys),
            }],
            path: self.reference.display().to_string(),
        }
    }

    fn reference(&self, name: &str, plugins: Vec<(&str, Value)>) -> Subject {
        let plugins = plugins.into_iter().map(|(kind, keys)| Plugin {
            executable: self.reference.join(kind),
            config: config(&format!("reference-{name}"), kind, keys),
        });
        Subject {
            plugins: plugins.collect(),
            path: self.reference.display().to_string(),
        }
    }
}

fn subnet() -> Value {
    json!([[{"subnet": "10.1.0.0/16"}]])
}

fn their_ipam(ranges: &Value) -> Value {
    json!({"type": "host-local", "ranges": ranges})
}

fn with_plugin(plugin: &str, keys: &Value) -> Value {
    merged(json!({ "plugin": plugin }), keys)
}

fn merged(mut base: Value, keys: &Value) -> Value {
    if let (Some(base), Some(keys)) = (base.as_object_mut(), keys.as_object()) {
        base.extend(keys.clone());
    }
    base
}

/// A bridge of its own for each side of each scenario; names of interfaces are short.
fn bridge(side: &str, scenario: &str) -> String {
    let letters = scenario.chars().filter(char::is_ascii_alphanumeric);
    format!("{side}-{}", letters.rev().take(10).collect::<String>())
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
