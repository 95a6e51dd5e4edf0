//! Chains of others, which are read and, in one place, given a rule.

use super::attribute::{Attributes, find, text_of, u32_of};
use super::error::Object;
use super::socket::Request;

/// `NFTA_CHAIN_…`; `NFTA_RULE_TABLE` and `NFTA_RULE_CHAIN` have the numbers below.
mod attribute {
    pub(super) const TABLE: u16 = 1;
    pub(super) const NAME: u16 = 3;
    pub(super) const HOOK: u16 = 4;
    pub(super) const POLICY: u16 = 5;
    pub(super) const TYPE: u16 = 7;
}
const RULE_CHAIN: u16 = 2;
/// `NFTA_HOOK_HOOKNUM`
const HOOK_NUMBER: u16 = 1;

/// A family of tables that see what the host forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForeignFamily {
    Inet,
    Ipv4,
    Ipv6,
}

/// A chain of another's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignChain {
    pub(super) family: ForeignFamily,
    pub(super) table: &'static str,
    pub(super) name: &'static str,
}

/// What the kernel says of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignState {
    pub(super) table: String,
    pub(super) name: String,
    /// It filters what the host forwards.
    pub(super) filters_forwarded: bool,
    pub(super) drops_by_default: bool,
}

impl ForeignFamily {
    pub(super) const ALL: [Self; 3] = [Self::Inet, Self::Ipv4, Self::Ipv6];

    /// As `nft` names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
        }
    }

    /// Asks for all chains of the family.
    pub(super) fn request_chains(self) -> Request {
        Request {
            kind: libc::NFT_MSG_GETCHAIN,
            object: Object::Chain,
            name: format!("chains of family {}", self.name()),
            payload: self.header().to_vec(),
        }
    }

    /// `struct nfgenmsg`.
    pub(super) fn header(self) -> [u8; 4] {
        let number = match self {
            Self::Inet => libc::NFPROTO_INET,
            Self::Ipv4 => libc::NFPROTO_IPV4,
            Self::Ipv6 => libc::NFPROTO_IPV6,
        };
        [number as u8, 0, 0, 0]
    }
}

impl ForeignChain {
    /// As `nft` names it.
    pub(super) fn display(&self) -> String {
        format!("chain {} {} {}", self.family.name(), self.table, self.name)
    }

    /// Asks for the chain.
    pub(super) fn request(&self) -> Request {
        let mut payload = self.family.header().to_vec();
        Attributes::new(&mut payload)
            .text(attribute::TABLE, self.table)
            .text(attribute::NAME, self.name);
        Request {
            kind: libc::NFT_MSG_GETCHAIN,
            object: Object::Chain,
            name: self.display(),
            payload,
        }
    }

    /// Asks for the chain's rules, in their order.
    pub(super) fn request_rules(&self) -> Request {
        let mut payload = Vec::new();
        self.begin_rule(&mut payload);
        Request {
            kind: libc::NFT_MSG_GETRULE,
            object: Object::Rule,
            name: self.display(),
            payload,
        }
    }

    /// Begins a message about a rule of the chain.
    pub(super) fn begin_rule<'a>(&self, buffer: &'a mut Vec<u8>) -> Attributes<'a> {
        buffer.extend(self.family.header());
        let mut attributes = Attributes::new(buffer);
        attributes
            .text(attribute::TABLE, self.table)
            .text(RULE_CHAIN, self.name);
        attributes
    }
}

impl ForeignState {
    /// Reads the attributes of one of the kernel's answers.
    pub(super) fn decode(attributes: &[u8]) -> Option<Self> {
        let text = |kind| text_of(find(attributes, kind)?).map(str::to_owned);
        let hook = find(attributes, attribute::HOOK)
            .and_then(|hook| find(hook, HOOK_NUMBER))
            .and_then(u32_of);
        let policy = find(attributes, attribute::POLICY).and_then(u32_of);
        Some(Self {
            table: text(attribute::TABLE)?,
            name: text(attribute::NAME)?,
            filters_forwarded: hook == Some(libc::NF_INET_FORWARD as u32)
                && text(attribute::TYPE).as_deref() == Some("filter"),
            drops_by_default: policy == Some(libc::NF_DROP as u32),
        })
    }
}
