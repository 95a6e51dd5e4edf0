//! `CNI_ARGS`: the old way to pass parameters, `KEY=value;KEY=value`.

use std::net::IpAddr;

use thiserror::Error;

use crate::excerpt::excerpt;

/// The parameters in `CNI_ARGS`. An empty value counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `IgnoreUnknown`: unknown keys are no error.
    pub ignore_unknown: bool,
    /// `IP`: the parts of a comma list, each an address with or without a prefix length.
    pub ips: Vec<String>,
    /// `GATEWAY`: a comma list of addresses.
    pub gateways: Vec<IpAddr>,
    /// `MAC`, not yet checked, since a better source may replace it.
    pub mac: Option<String>,
    /// `K8S_POD_NAMESPACE`.
    pub pod_namespace: Option<String>,
    /// `K8S_POD_NAME`.
    pub pod_name: Option<String>,
    /// `K8S_POD_UID`.
    pub pod_uid: Option<String>,
    /// `K8S_POD_INFRA_CONTAINER_ID`.
    pub pod_infra_container_id: Option<String>,
}

/// `CNI_ARGS` can't be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ArgumentsError {
    /// A part without, or with more than one, equals sign.
    #[error("CNI_ARGS has the part {part}; each part between semicolons must be KEY=value")]
    NotAPair {
        /// The refused part, shortened.
        part: String,
    },
    /// A key that we don't know, and `IgnoreUnknown` is not set.
    #[error(
        "CNI_ARGS has the unknown key {key} with value {value}; add IgnoreUnknown=1 to have it \
         ignored"
    )]
    UnknownKey {
        /// The key, shortened.
        key: String,
        /// Its value, shortened.
        value: String,
    },
    /// `IgnoreUnknown` is neither true nor false.
    #[error("CNI_ARGS has IgnoreUnknown={value}; it must be 1, true, 0 or false")]
    NotABool {
        /// The refused value, shortened.
        value: String,
    },
    /// A part of `GATEWAY` is no address.
    #[error("CNI_ARGS has {value} in GATEWAY, which is no IP address")]
    Gateway {
        /// The refused value, shortened.
        value: String,
    },
}

impl Arguments {
    /// Reads `CNI_ARGS`. A key that comes twice has its last value, as in the reference library.
    ///
    /// # Errors
    /// [`ArgumentsError`] (code 4), which names the key and its value.
    pub fn parse(text: &str) -> Result<Self, ArgumentsError> {
        let mut arguments = Self::default();
        let mut unknown = None;
        if text.is_empty() {
            return Ok(arguments);
        }
        for part in text.split(';') {
            let (key, value) = split_pair(part)?;
            if !arguments.set(key, value)? && unknown.is_none() {
                unknown = Some((key, value));
            }
        }
        match unknown {
            // The key may stand anywhere, so this is decided when all have been read.
            Some((key, value)) if !arguments.ignore_unknown => Err(ArgumentsError::UnknownKey {
                key: excerpt(key),
                value: excerpt(value),
            }),
            _ => Ok(arguments),
        }
    }

    /// Takes one pair; false for an unknown key.
    fn set(&mut self, key: &str, value: &str) -> Result<bool, ArgumentsError> {
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match key {
            "IgnoreUnknown" => self.ignore_unknown = parse_bool(value)?,
            "IP" => self.ips = comma_list(value).map(str::to_owned).collect(),
            "GATEWAY" => {
                self.gateways = comma_list(value)
                    .map(parse_gateway)
                    .collect::<Result<_, _>>()?;
            }
            "MAC" => self.mac = text(),
            "K8S_POD_NAMESPACE" => self.pod_namespace = text(),
            "K8S_POD_NAME" => self.pod_name = text(),
            "K8S_POD_UID" => self.pod_uid = text(),
            "K8S_POD_INFRA_CONTAINER_ID" => self.pod_infra_container_id = text(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn split_pair(part: &str) -> Result<(&str, &str), ArgumentsError> {
    match part.split_once('=') {
        Some((key, value)) if !value.contains('=') => Ok((key, value)),
        _ => Err(ArgumentsError::NotAPair {
            part: excerpt(part),
        }),
    }
}

fn comma_list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn parse_gateway(item: &str) -> Result<IpAddr, ArgumentsError> {
    item.parse::<IpAddr>()
        .map(|address| address.to_canonical())
        .map_err(|_| ArgumentsError::Gateway {
            value: excerpt(item),
        })
}

/// The spellings that the reference library's `UnmarshallableBool` takes.
fn parse_bool(value: &str) -> Result<bool, ArgumentsError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(ArgumentsError::NotABool {
            value: excerpt(value),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kubernetes_runtime_sends_is_read() {
        let text = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;\
                    K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=0a1b;NEWER=x";
        let arguments = Arguments::parse(text).unwrap();
        assert_eq!(arguments.pod_namespace.as_deref(), Some("default"));
        assert_eq!(arguments.pod_name.as_deref(), Some("web-0"));
        assert_eq!(arguments.pod_uid.as_deref(), Some("0a1b"));
        assert_eq!(arguments.pod_infra_container_id.as_deref(), Some("abc"));
    }

    #[test]
    fn an_unknown_key_is_named_unless_ignored_wherever_that_stands() {
        let error = Arguments::parse("COLOUR=red").unwrap_err();
        assert!(error.to_string().contains("\"COLOUR\"") && error.to_string().contains("\"red\""));
        assert!(Arguments::parse("COLOUR=red;IgnoreUnknown=true").is_ok());
        assert!(Arguments::parse("IgnoreUnknown=0;COLOUR=red").is_err());
    }

    #[test]
    fn each_part_has_exactly_one_equals_sign() {
        for bad in ["IP", "IP=1=2", "IP=10.0.0.1;", ";"] {
            assert!(
                matches!(Arguments::parse(bad), Err(ArgumentsError::NotAPair { .. })),
                "{bad}"
            );
        }
        assert_eq!(Arguments::parse("").unwrap(), Arguments::default());
    }

    #[test]
    fn comma_lists_are_split() {
        let arguments =
            Arguments::parse("IP=10.0.0.5/24,fd00::5;GATEWAY=10.0.0.1,fd00::1").unwrap();
        assert_eq!(arguments.ips, ["10.0.0.5/24", "fd00::5"]);
        assert_eq!(arguments.gateways.len(), 2);
        assert!(Arguments::parse("GATEWAY=10.0.0").is_err());
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let arguments = Arguments::parse("MAC=;IP=;K8S_POD_NAME=").unwrap();
        assert_eq!(arguments, Arguments::default());
    }
}
