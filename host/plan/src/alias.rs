use std::fmt::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

use crate::NetworkTag;

/// `IFALIASZ` less the terminating NUL.
const LONGEST: usize = 255;
const MARK: &str = "wasm-cni/1";
const MORE: &str = "+";
const MAKING: char = '@';

/// What the alias of each of our links says: the network and the addresses, so that state that was lost while
/// containers live can be read back from the kernel and no live address is handed out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkAlias {
    /// The network.
    pub network: NetworkTag,
    /// Tells the links of one ADD from those of every other; None where it was not noted.
    pub making: Option<u64>,
    /// The container's addresses.
    pub addresses: Vec<IpAddr>,
    /// False: there are more addresses than fit; the others must be asked of the container's interface.
    pub complete: bool,
}

impl LinkAlias {
    /// The alias of a link of this network with these addresses.
    #[must_use]
    pub fn new(network: NetworkTag, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            network,
            making: None,
            addresses: addresses.into_iter().collect(),
            complete: true,
        }
    }

    /// The same for the links of one ADD.
    #[must_use]
    pub fn of_making(self, making: u64) -> Self {
        Self {
            making: Some(making),
            ..self
        }
    }
}

/// At most 255 bytes, whatever the number of addresses.
impl fmt::Display for LinkAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{MARK} {}", self.network);
        if let Some(making) = self.making {
            write!(text, " {MAKING}{making:x}")?;
        }
        let mut complete = self.complete;
        for address in &self.addresses {
            let mut next = String::new();
            write!(next, " {address}")?;
            if text.len() + next.len() + MORE.len() + 1 > LONGEST {
                complete = false;
                break;
            }
            text.push_str(&next);
        }
        if !complete {
            text.push(' ');
            text.push_str(MORE);
        }
        f.write_str(&text)
    }
}

/// A link's alias is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an alias that wasm-cni wrote")]
pub struct ForeignAlias;

impl FromStr for LinkAlias {
    type Err = ForeignAlias;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        if words.next() != Some(MARK) {
            return Err(ForeignAlias);
        }
        let network = words
            .next()
            .and_then(|tag| NetworkTag::try_from(tag.to_owned()).ok())
            .ok_or(ForeignAlias)?;
        let mut alias = Self::new(network, []);
        for word in words {
            if let Some(making) = word.strip_prefix(MAKING)
                && let Ok(making) = u64::from_str_radix(making, 16)
            {
                alias.making = Some(making);
                continue;
            }
            match word.parse() {
                Ok(address) => alias.addresses.push(address),
                // Whatever else stands there, it is one of our links and may have more addresses than we can read.
                Err(_) => alias.complete = false,
            }
        }
        Ok(alias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> impl Iterator<Item = IpAddr> {
        (0..count).map(|n| {
            format!("fd00:1111:2222:3333:4444:5555:6666:{n:x}")
                .parse()
                .unwrap()
        })
    }

    #[test]
    fn what_fits_is_read_back_whole() {
        let alias = LinkAlias::new(NetworkTag::of("pods"), addresses(4));
        assert_eq!(alias.to_string().parse(), Ok(alias.clone()));
        let alias = alias.of_making(0x0200_1122_3344);
        assert_eq!(alias.to_string().parse(), Ok(alias));
    }

    #[test]
    fn what_does_not_fit_is_marked_as_incomplete() {
        let text = LinkAlias::new(NetworkTag::of("pods"), addresses(64)).to_string();
        assert!(text.len() <= LONGEST);
        let alias: LinkAlias = text.parse().unwrap();
        assert!(!alias.complete);
        assert!(!alias.addresses.is_empty());
    }

    #[test]
    fn foreign_aliases_are_not_ours() {
        for text in [
            "",
            "uplink",
            "wasm-cni/2 0011223344556677",
            "wasm-cni/1",
            "wasm-cni/1 pods",
        ] {
            assert_eq!(text.parse::<LinkAlias>(), Err(ForeignAlias), "{text}");
        }
    }
}
