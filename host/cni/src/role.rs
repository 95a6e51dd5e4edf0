//! Which part we play in a call.

use std::ffi::OsStr;

use thiserror::Error;

use crate::config::NetworkConfig;
use crate::drop_in;

/// The `type` under which an operator names us in a config.
pub const OWN_TYPE: &str = "wasm-cni";

/// Our part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The IPAM delegate of another vendor's plugin: addresses only, no interface.
    Ipam,
    /// One policy stage that works on `prevResult`.
    Stage,
    /// An interface with its IPAM and its chain.
    Link,
}

/// The config gives us no part. Code 7.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RoleError {
    /// Our own type, but nothing to do.
    #[error(
        "the network config says \"type\": \"wasm-cni\" and has neither \"link\" nor \"plugin\"; \
         write \"link\": {{\"kind\": …}} to make an interface, or \"plugin\": \"…\" to run one stage \
         of a chain"
    )]
    NothingToDo,
    /// Neither the plugin nor its IPAM is ours.
    #[error(
        "{executable} was called for \"type\": \"{plugin_type}\" and \"ipam.type\": \
         \"{ipam_type}\", neither of which is \"wasm-cni\" or this executable's name as that of a reference plugin"
    )]
    NotForUs {
        /// The file name under which we were run.
        executable: String,
        /// `type`.
        plugin_type: String,
        /// `ipam.type`.
        ipam_type: String,
    },
}

impl Role {
    /// The part that `config` gives to the executable of this file name (the last part of
    /// `argv[0]`).
    ///
    /// # Errors
    /// [`RoleError`], which says what is missing.
    pub fn of(executable: &OsStr, config: &NetworkConfig) -> Result<Self, RoleError> {
        let ipam_type = config.ipam.as_ref().map(|ipam| ipam.plugin_type.as_str());
        if !config.is_own_type() {
            let is_drop_in = |name: &str| drop_in::is_ipam(name) && executable == OsStr::new(name);
            if ipam_type.is_some_and(|name| name == OWN_TYPE || is_drop_in(name)) {
                return Ok(Self::Ipam);
            }
            return Err(RoleError::NotForUs {
                executable: executable.to_string_lossy().into_owned(),
                plugin_type: config
                    .plugin_type
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                ipam_type: ipam_type.unwrap_or_default().to_owned(),
            });
        }
        if config.stage.is_some() {
            Ok(Self::Stage)
        } else if config.link.is_some() {
            Ok(Self::Link)
        } else {
            Err(RoleError::NothingToDo)
        }
    }

    /// The part to play in a DEL whose config has lost what [`Role::of`] goes by. It is the one
    /// that undoes least: a stage only its own part, an IPAM delegate only addresses.
    pub fn of_spoilt(config: &NetworkConfig) -> Self {
        if !config.is_own_type() {
            Self::Ipam
        } else if config
            .raw
            .get("plugin")
            .is_some_and(|plugin| !plugin.is_null())
        {
            Self::Stage
        } else {
            Self::Link
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(executable: &str, mut config: Value) -> NetworkConfig {
        config["name"] = json!("n");
        let document = config.as_object().unwrap().clone();
        let (executable, version) = (OsStr::new(executable), crate::version::SpecVersion::LATEST);
        NetworkConfig::from_document(executable, document, "n".parse().unwrap(), version).0
    }

    fn role_of(executable: &str, config: Value) -> Result<Role, RoleError> {
        Role::of(OsStr::new(executable), &parse(executable, config))
    }

    fn role(config: Value) -> Result<Role, RoleError> {
        role_of("wasm-cni", config)
    }

    #[test]
    fn the_config_decides_the_role() {
        let cases = [
            (
                json!({"type": "wasm-cni", "link": {"kind": "bridge"}}),
                Role::Link,
            ),
            (
                json!({"type": "wasm-cni", "plugin": "portmap"}),
                Role::Stage,
            ),
            (
                json!({"type": "wasm-cni", "plugin": "x", "link": "eth1"}),
                Role::Stage,
            ),
            (
                json!({"type": "bridge", "ipam": {"type": "wasm-cni", "plugin": "a"}}),
                Role::Ipam,
            ),
            (
                json!({"type": "x", "plugin": 5, "link": 6,
                "ipam": {"type": "wasm-cni", "plugin": "a"}}),
                Role::Ipam,
            ),
        ];
        for (config, expected) in cases {
            assert_eq!(role(config.clone()), Ok(expected), "{config}");
        }
    }

    #[test]
    fn a_reference_plugins_name_decides_the_role() {
        let bridge = json!({"type": "bridge", "ipam": {"type": "host-local"}});
        for (executable, config, expected) in [
            ("bridge", bridge.clone(), Role::Link),
            ("host-local", bridge, Role::Ipam),
            ("loopback", json!({"type": "loopback"}), Role::Link),
            ("portmap", json!({"type": "portmap"}), Role::Stage),
            (
                "static",
                json!({"type": "x", "ipam": {"type": "static"}}),
                Role::Ipam,
            ),
        ] {
            assert_eq!(role_of(executable, config), Ok(expected), "{executable}");
        }
        for (executable, config) in [
            (
                "host-local",
                json!({"type": "bridge", "ipam": {"type": "static"}}),
            ),
            (
                "portmap",
                json!({"type": "bridge", "ipam": {"type": "portmap"}}),
            ),
            ("host-local", json!({"type": "host-local"})),
        ] {
            assert!(role_of(executable, config).is_err(), "{executable}");
        }
    }

    #[test]
    fn a_config_that_is_not_for_us_says_so() {
        let error = role(json!({"type": "bridge", "ipam": {"type": "host-local"}})).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("\"bridge\"") && text.contains("\"host-local\""),
            "{text}"
        );
        assert_eq!(
            role(json!({"type": "wasm-cni"})),
            Err(RoleError::NothingToDo)
        );
    }

    #[test]
    fn a_spoilt_config_gets_the_part_that_undoes_least() {
        let cases = [
            (json!({"name": "n", "type": "wasm-cni"}), Role::Link),
            (
                json!({"name": "n", "type": "wasm-cni", "plugin": "../x"}),
                Role::Stage,
            ),
            (
                json!({"name": "n", "type": "bridge", "ipam": 5}),
                Role::Ipam,
            ),
        ];
        for (config, expected) in cases {
            let config = parse("wasm-cni", config);
            assert_eq!(Role::of_spoilt(&config), expected);
        }
    }
}
