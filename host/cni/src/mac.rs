//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::excerpt::excerpt;

/// The address of an Ethernet interface: six bytes, unicast, not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

/// Text that is no address which an interface can have.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum MacError {
    /// Not six pairs of hexadecimal digits.
    #[error("{value} is no MAC address; write it as 02:00:00:00:00:01")]
    Malformed {
        /// The refused text, shortened.
        value: String,
    },
    /// A group address or all zeros, which the kernel gives to no interface.
    #[error("{value} is a multicast or zero MAC address, which no interface can have")]
    NotUnicast {
        /// The refused text, shortened.
        value: String,
    },
}

impl MacAddress {
    /// The six bytes, in the order in which they are sent.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = MacError;

    fn from_str(value: &str) -> Result<Self, MacError> {
        let malformed = || MacError::Malformed {
            value: excerpt(value),
        };
        let separator = if value.contains('-') { '-' } else { ':' };
        let mut octets = [0_u8; 6];
        let mut parts = value.split(separator);
        for octet in &mut octets {
            let part = parts.next().ok_or_else(malformed)?;
            if part.len() != 2 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(malformed());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| malformed())?;
        }
        if parts.next().is_some() {
            return Err(malformed());
        }
        let [first, ..] = octets;
        if first & 1 == 1 || octets == [0; 6] {
            return Err(MacError::NotUnicast {
                value: excerpt(value),
            });
        }
        Ok(Self(octets))
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacError;

    fn try_from(value: String) -> Result<Self, MacError> {
        value.parse()
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MacAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_common_spellings_are_read() {
        for text in ["02:ab:00:00:00:01", "02-AB-00-00-00-01"] {
            assert_eq!(
                text.parse::<MacAddress>().unwrap().to_string(),
                "02:ab:00:00:00:01"
            );
        }
    }

    #[test]
    fn what_no_interface_can_have_is_refused() {
        for bad in [
            "",
            "02:ab",
            "02:ab:00:00:00:01:02",
            "+2:ab:00:00:00:01",
            "2:ab:00:00:00:01",
        ] {
            assert!(
                matches!(bad.parse::<MacAddress>(), Err(MacError::Malformed { .. })),
                "{bad}"
            );
        }
        for bad in [
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
        ] {
            assert!(
                matches!(bad.parse::<MacAddress>(), Err(MacError::NotUnicast { .. })),
                "{bad}"
            );
        }
    }
}
