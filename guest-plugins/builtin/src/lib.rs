//! All built-in plugins as one component.
//!
//! One component costs one instantiation whatever the number of plugins in it. They are told apart by the key `plugin`
//! of the configuration, or by `type` in the reference plugins' own configurations, which have no `plugin`.

use host_local::HostLocal;
use static_ipam::Static;
use wasm_cni_guest::{Allocation, Attachment, Dns, Failure, Host, Ipam, config};

/// The names of the plugins in here.
pub const PLUGINS: [&str; 2] = ["host-local", "static"];

/// One of the built-in IPAM plugins.
#[derive(Debug)]
pub enum Builtin {
    /// `host-local`.
    HostLocal(HostLocal),
    /// `static`.
    Static(Static),
}

impl Ipam for Builtin {
    fn configure(text: &str) -> Result<Self, Failure> {
        let (key, name) = match config::text_of(text, "plugin")? {
            Some(plugin) => ("plugin", plugin),
            None => ("type", config::text_of(text, "type")?.unwrap_or_default()),
        };
        match name.as_str() {
            "host-local" => HostLocal::configure(text).map(Self::HostLocal),
            "static" => Static::configure(text).map(Self::Static),
            _ => {
                let [first, second] = PLUGINS;
                Err(Failure::InvalidConfig(format!(
                    "ipam.{key} = \"{name}\": no built-in IPAM plugin has this name; there are {first} and {second}"
                )))
            }
        }
    }

    fn allocate(
        &self,
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        match self {
            Self::HostLocal(plugin) => plugin.allocate(attachment, resolver, host),
            Self::Static(plugin) => plugin.allocate(attachment, resolver, host),
        }
    }

    fn release(&self, attachment: &Attachment, host: &impl Host) -> Result<(), Failure> {
        match self {
            Self::HostLocal(plugin) => plugin.release(attachment, host),
            Self::Static(plugin) => plugin.release(attachment, host),
        }
    }

    fn check(
        &self,
        attachment: &Attachment,
        allocation: &Allocation,
        host: &impl Host,
    ) -> Result<(), Failure> {
        match self {
            Self::HostLocal(plugin) => plugin.check(attachment, allocation, host),
            Self::Static(plugin) => plugin.check(attachment, allocation, host),
        }
    }

    fn status(&self, host: &impl Host) -> Result<(), Failure> {
        match self {
            Self::HostLocal(plugin) => plugin.status(host),
            Self::Static(plugin) => plugin.status(host),
        }
    }
}

wasm_cni_guest::export_ipam!(Builtin);

#[cfg(test)]
mod tests {
    use wasm_cni_guest::testing::Node;

    use super::*;

    #[test]
    fn the_plugin_key_chooses_and_without_it_the_type() {
        let attachment = Attachment::new("pods", "a", "eth0");
        for (config, expected) in [
            (
                r#"{"type": "wasm-cni", "plugin": "host-local", "subnet": "10.0.0.0/24"}"#,
                "10.0.0.2/24",
            ),
            (
                r#"{"type": "host-local", "subnet": "10.0.0.0/24"}"#,
                "10.0.0.2/24",
            ),
            (
                r#"{"type": "host-local", "plugin": "static", "addresses": [{"address": "10.1.0.9/16"}]}"#,
                "10.1.0.9/16",
            ),
        ] {
            let node = Node::new();
            let answer = node.add::<Builtin>(config, &attachment, None).unwrap();
            assert_eq!(answer.addresses[0].address.to_string(), expected);
            assert_eq!(node.check::<Builtin>(config, &attachment, &answer), Ok(()));
            assert_eq!(node.status::<Builtin>(config, "pods"), Ok(()));
            assert_eq!(node.del::<Builtin>(config, &attachment), Ok(()));
            assert!(node.check::<Builtin>(config, &attachment, &answer).is_err());
        }
    }

    #[test]
    fn every_listed_plugin_exists() {
        for name in PLUGINS {
            let config = format!(r#"{{"plugin": "{name}", "nonsense": 1}}"#);
            match Builtin::configure(&config) {
                Err(Failure::InvalidConfig(text)) => {
                    assert!(text.starts_with("ipam.nonsense"), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        for (config, key) in [
            (r#"{"plugin": "hostlocal"}"#, "ipam.plugin"),
            (r#"{"type": "wasm-cni"}"#, "ipam.type"),
            ("{}", "ipam.type"),
        ] {
            match Builtin::configure(config) {
                Err(Failure::InvalidConfig(text)) => {
                    assert!(text.starts_with(key), "{text}");
                    assert!(text.ends_with("host-local and static"), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            Builtin::configure("no JSON"),
            Err(Failure::InvalidConfig(_))
        ));
    }
}
