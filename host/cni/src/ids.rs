//! The names that CNI gives to things, each checked once, when it comes in.
//!
//! Container ids and network names have **no length limit** in the specification. Whatever is
//! derived from them (file names, link names, rule comments) must be hashed or checked there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::Code;
use crate::excerpt::excerpt;

/// Longest interface name in bytes: the kernel's `IFNAMSIZ` (16) less the closing NUL.
pub const MAX_INTERFACE_NAME_BYTES: usize = 15;

/// Longest plugin name in bytes. Plugin names become file names.
pub const MAX_PLUGIN_NAME_BYTES: usize = 128;

/// A name that breaks the rule of its kind.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum IdError {
    /// The container id is the empty string.
    #[error("the container id is empty; CNI_CONTAINERID must name the container")]
    EmptyContainerId,
    /// The container id has a character outside the specification's set.
    #[error(
        "CNI_CONTAINERID {value} is no container id: it must start with a letter or digit and \
         go on with letters, digits, '_', '.' or '-'"
    )]
    ContainerId {
        /// The refused text, shortened.
        value: String,
    },
    /// The network name is empty or has a character outside the specification's set.
    #[error(
        "the network's \"name\" {value} is not allowed: it must start with a letter or digit and \
         go on with letters, digits, '_', '.' or '-'"
    )]
    NetworkName {
        /// The refused text, shortened.
        value: String,
    },
    /// The interface name is one that the kernel would not accept.
    #[error("CNI_IFNAME {value} is no interface name: {rule}")]
    InterfaceName {
        /// The refused text, shortened.
        value: String,
        /// The rule that it breaks.
        rule: InterfaceNameRule,
    },
    /// The plugin name can't be the name of an installed plugin.
    #[error(
        "plugin name {value} is not allowed: it must have 1 to 128 bytes, start with a letter or \
         digit and go on with letters, digits, '_', '.' or '-'"
    )]
    PluginName {
        /// The refused text, shortened.
        value: String,
    },
    /// A `type` that is no plain file name.
    #[error(
        "plugin type {value} is not allowed: it must be the file name of an executable on \
         CNI_PATH, without '/'"
    )]
    PluginType {
        /// The refused text, shortened.
        value: String,
    },
    /// A digest of another form than `sha256:` and 64 lower-case hexadecimal digits.
    #[error("digest {value} is not of the form sha256: and 64 lower-case hexadecimal digits")]
    Digest {
        /// The refused text, shortened.
        value: String,
    },
}

impl IdError {
    /// The error code that the specification, or its reference library, gives to this case.
    pub fn code(&self) -> Code {
        match self {
            Self::EmptyContainerId => Code::CONTAINER_UNKNOWN,
            Self::ContainerId { .. } | Self::InterfaceName { .. } => Code::INVALID_ENVIRONMENT,
            Self::NetworkName { .. }
            | Self::PluginName { .. }
            | Self::PluginType { .. }
            | Self::Digest { .. } => Code::INVALID_NETWORK_CONFIG,
        }
    }
}

/// The rules for interface names (the kernel's `dev_valid_name`, and the specification).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InterfaceNameRule {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has more than [`MAX_INTERFACE_NAME_BYTES`] bytes.
    #[error("it has more than 15 bytes")]
    TooLong,
    /// It is `.` or `..`.
    #[error("\".\" and \"..\" are not allowed")]
    Dots,
    /// It has a slash, a colon, white space or a NUL.
    #[error("'/', ':' and white space are not allowed")]
    Character,
    /// It has a percent sign, which the kernel takes for a number to fill in (`eth%d`), so that
    /// the link would get another name than the one that was asked for.
    #[error("'%' is not allowed, the kernel would choose another name")]
    Percent,
}

/// `^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`, the specification's expression for ids and names.
fn is_cni_identifier(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn check_container_id(value: &str) -> Result<(), IdError> {
    if value.is_empty() {
        return Err(IdError::EmptyContainerId);
    }
    if is_cni_identifier(value) {
        return Ok(());
    }
    Err(IdError::ContainerId {
        value: excerpt(value),
    })
}

fn check_network_name(value: &str) -> Result<(), IdError> {
    if is_cni_identifier(value) {
        return Ok(());
    }
    Err(IdError::NetworkName {
        value: excerpt(value),
    })
}

fn check_interface_name(value: &str) -> Result<(), IdError> {
    let barred = |c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace();
    let rule = if value.is_empty() {
        InterfaceNameRule::Empty
    } else if value.len() > MAX_INTERFACE_NAME_BYTES {
        InterfaceNameRule::TooLong
    } else if value == "." || value == ".." {
        InterfaceNameRule::Dots
    } else if value.contains(barred) {
        InterfaceNameRule::Character
    } else if value.contains('%') {
        InterfaceNameRule::Percent
    } else {
        return Ok(());
    };
    Err(IdError::InterfaceName {
        value: excerpt(value),
        rule,
    })
}

fn check_plugin_name(value: &str) -> Result<(), IdError> {
    if is_cni_identifier(value) && value.len() <= MAX_PLUGIN_NAME_BYTES {
        return Ok(());
    }
    Err(IdError::PluginName {
        value: excerpt(value),
    })
}

/// A `type` with a path separator would run any file of the machine (CVE-2021-20206).
fn check_plugin_type(value: &str) -> Result<(), IdError> {
    let plain = !value.is_empty() && value != "." && value != "..";
    if plain && value.len() <= 255 && !value.contains(['/', '\0']) {
        return Ok(());
    }
    Err(IdError::PluginType {
        value: excerpt(value),
    })
}

fn check_digest(value: &str) -> Result<(), IdError> {
    let well_formed = value.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    if well_formed {
        return Ok(());
    }
    Err(IdError::Digest {
        value: excerpt(value),
    })
}

/// Defines a string that has passed `$check`.
macro_rules! checked_name {
    ($(#[$documentation:meta])* $name:ident, $check:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(value: &str) -> Result<Self, IdError> {
                $check(value)?;
                Ok(Self(value.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(value: String) -> Result<Self, IdError> {
                $check(&value)?;
                Ok(Self(value))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

checked_name! {
    /// A container's id, from `CNI_CONTAINERID`. Not empty, no length limit.
    ContainerId, check_container_id
}
checked_name! {
    /// A network's name, from the config's `name`. Not empty, no length limit.
    NetworkName, check_network_name
}
checked_name! {
    /// The name of an interface in the container, from `CNI_IFNAME`; 1 to 15 bytes.
    InterfaceName, check_interface_name
}
checked_name! {
    /// The name under which a Wasm plugin is installed, from our `plugin` key; 1 to 128 bytes.
    PluginName, check_plugin_name
}
checked_name! {
    /// A `type` or `ipam.type`: the file name of an executable on `CNI_PATH`.
    PluginType, check_plugin_type
}
checked_name! {
    /// The digest that pins a plugin's component: `sha256:` and 64 lower-case hexadecimal digits.
    Digest, check_digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_length_limit() {
        let long = format!("a{}", ".".repeat(4096));
        assert!(ContainerId::from_str(&long).is_ok());
        assert!(NetworkName::from_str(&long).is_ok());
    }

    #[test]
    fn an_empty_container_id_is_code_3_and_a_bad_one_code_4() {
        assert_eq!(
            ContainerId::from_str("").unwrap_err().code(),
            Code::CONTAINER_UNKNOWN
        );
        for bad in ["-a", ".a", "_a", "a/b", "a b", "ä", "a\0"] {
            let error = ContainerId::from_str(bad).unwrap_err();
            assert_eq!(error.code(), Code::INVALID_ENVIRONMENT, "{bad:?}");
        }
    }

    #[test]
    fn a_bad_network_name_is_code_7() {
        for bad in ["", "..", "a/b", "a\n", "ö"] {
            let error = NetworkName::from_str(bad).unwrap_err();
            assert_eq!(error.code(), Code::INVALID_NETWORK_CONFIG, "{bad:?}");
        }
    }

    #[test]
    fn interface_names_follow_the_kernel() {
        for good in ["e", "eth0", "...", "net1.100", "abcdefghijklmno", "ä1"] {
            assert!(InterfaceName::from_str(good).is_ok(), "{good:?}");
        }
        let cases = [
            ("", InterfaceNameRule::Empty),
            ("abcdefghijklmnop", InterfaceNameRule::TooLong),
            ("äääääääö", InterfaceNameRule::TooLong),
            (".", InterfaceNameRule::Dots),
            ("..", InterfaceNameRule::Dots),
            ("a/b", InterfaceNameRule::Character),
            ("a:b", InterfaceNameRule::Character),
            ("a b", InterfaceNameRule::Character),
            ("a\tb", InterfaceNameRule::Character),
            ("a\u{2003}b", InterfaceNameRule::Character),
            ("eth%d", InterfaceNameRule::Percent),
        ];
        for (bad, expected) in cases {
            match InterfaceName::from_str(bad) {
                Err(IdError::InterfaceName { rule, .. }) => assert_eq!(rule, expected, "{bad:?}"),
                other => panic!("{bad:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn a_plugin_type_is_never_a_path() {
        for bad in ["", ".", "..", "../bridge", "/bin/sh", "a\0b"] {
            assert!(PluginType::from_str(bad).is_err(), "{bad:?}");
        }
        assert!(PluginType::from_str("calico-ipam").is_ok());
    }

    #[test]
    fn a_digest_is_lower_case_sha256() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(Digest::from_str(&format!("sha256:{hex}")).is_ok());
        for bad in [
            hex.clone(),
            format!("sha256:{}", hex.to_uppercase()),
            "sha256:00".into(),
        ] {
            assert!(Digest::from_str(&bad).is_err(), "{bad}");
        }
    }
}
