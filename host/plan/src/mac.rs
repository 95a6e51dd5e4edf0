use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A 48-bit Ethernet address; reads and prints as `02:00:5e:10:00:01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A unicast, locally administered address made from a seed; the same seed gives the same address.
    #[must_use]
    pub fn from_seed(seed: &[u8]) -> Self {
        let mut octets = [0; 6];
        for (to, from) in octets.iter_mut().zip(Sha256::digest(seed)) {
            *to = from;
        }
        let [first, ..] = &mut octets;
        *first = (*first & 0xfc) | 0x02;
        Self(octets)
    }

    /// Can an interface have it: unicast and not all zeros?
    #[must_use]
    pub fn is_assignable(&self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 0 && self.0 != [0; 6]
    }
}

/// A text is not an Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an Ethernet address looks like 02:00:5e:10:00:01, not {0:?}")]
pub struct MacAddressError(String);

impl FromStr for MacAddress {
    type Err = MacAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || MacAddressError(text.chars().take(64).collect());
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(wrong)?;
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        match parts.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_addresses_are_unicast_and_local() {
        for seed in 0..64_u8 {
            let mac = MacAddress::from_seed(&[seed]);
            assert!(mac.is_assignable());
            assert_eq!(mac.0[0] & 2, 2);
        }
    }

    #[test]
    fn text_round_trips_and_junk_is_refused() {
        let mac: MacAddress = "02:00:5e:10:00:Ff".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:5e:10:00:ff");
        for junk in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "2:0:5e:10:0:1",
            "02:00:5e:10:00:+1",
        ] {
            assert!(junk.parse::<MacAddress>().is_err(), "{junk}");
        }
    }
}
