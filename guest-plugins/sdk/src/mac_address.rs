use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// An Ethernet address, written as six pairs of hexadecimal digits with `:` or `-` between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct MacAddress(pub [u8; 6]);

/// A text that is no Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is no Ethernet address such as 02:00:5e:10:00:01")]
pub struct MacAddressError;

impl MacAddress {
    /// Is it the address of one interface and not zero, as an interface's own must be?
    #[must_use]
    pub fn is_assignable(self) -> bool {
        let Self([first, ..]) = self;
        first & 1 == 0 && self.0 != [0; 6]
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut octets = [0; 6];
        let mut pairs = text.split(separator);
        for octet in &mut octets {
            let pair = pairs.next().ok_or(MacAddressError)?;
            if pair.len() != 2 || !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(MacAddressError);
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| MacAddressError)?;
        }
        match pairs.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(MacAddressError),
        }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;

    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c, d, e, g]) = self;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_read_and_one_is_written() {
        for text in ["02:00:5e:10:00:FF", "02-00-5e-10-00-ff"] {
            let address: MacAddress = text.parse().unwrap();
            assert_eq!(address, MacAddress([2, 0, 0x5e, 0x10, 0, 0xff]));
            assert_eq!(address.to_string(), "02:00:5e:10:00:ff");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "2:0:5e:10:0:1",
            "02:00:5e:10:00:+1",
            "02:00-5e:10:00:01",
            "02:00:5e:10:00:0g",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError), "{text}");
        }
    }

    #[test]
    fn groups_and_zero_are_no_address_of_an_interface() {
        assert!(MacAddress([2, 0, 0, 0, 0, 1]).is_assignable());
        assert!(!MacAddress([1, 0, 0x5e, 0, 0, 1]).is_assignable());
        assert!(!MacAddress([0; 6]).is_assignable());
    }
}
