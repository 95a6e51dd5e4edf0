use serde::Deserialize;
use wasm_cni_guest::{Failure, Isolation, config};

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    pub(crate) isolation: Option<Isolation>,
    /// What is accepted and has no effect: key and value.
    pub(crate) idle: Vec<(&'static str, String)>,
}

/// The configuration as it is written. The reference plugin takes an empty text for none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    backend: Option<String>,
    iptables_admin_chain_name: Option<String>,
    firewalld_zone: Option<String>,
    ingress_policy: Option<String>,
}

impl Firewall {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        let mut idle = Vec::new();
        for (key, value, possible, remedy) in [
            (
                "backend",
                object.backend,
                ["iptables", "firewalld", "nftables"].as_slice(),
                "there are iptables, firewalld and nftables; leave the key out, and the host looks which firewall there is",
            ),
            (
                "iptablesAdminChainName",
                object.iptables_admin_chain_name,
                &["CNI-ADMIN"],
                "the host honours the chain CNI-ADMIN alone; rename the chain, and leave the key out",
            ),
            (
                "firewalldZone",
                object.firewalld_zone,
                &["trusted"],
                "the host uses firewalld's zone trusted alone; leave the key out",
            ),
        ] {
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            if !possible.contains(&value.as_str()) {
                return Err(refused(key, &value, remedy));
            }
            idle.push((key, value));
        }
        let isolation = match object.ingress_policy.as_deref() {
            None | Some("" | "open") => None,
            Some("same-bridge") => Some(Isolation::OtherNetworks),
            Some("isolated") => Some(Isolation::EveryAttachment),
            Some(other) => {
                let remedy = "is unknown; there are open, same-bridge and isolated";
                return Err(refused("ingressPolicy", other, remedy));
            }
        };
        Ok(Self { isolation, idle })
    }
}

fn refused(key: &str, value: &str, remedy: &str) -> Failure {
    Failure::InvalidConfig(format!("{key} = \"{value}\": {remedy}"))
}
