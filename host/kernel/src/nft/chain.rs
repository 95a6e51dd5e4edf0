use super::attribute::{find, text_of, u32_of};
use super::batch::{Batch, Message};
use super::comment;
use super::error::{Object, Operation};
use super::socket::Request;
use super::table::{TABLE, TableFamily};

/// `NFTA_CHAIN_…`
mod attribute {
    pub(super) const TABLE: u16 = 1;
    pub(super) const NAME: u16 = 3;
    pub(super) const HOOK: u16 = 4;
    pub(super) const POLICY: u16 = 5;
    pub(super) const USE: u16 = 6;
    pub(super) const TYPE: u16 = 7;
    pub(super) const USERDATA: u16 = 12;
}
/// `NFTA_HOOK_…`
mod hook {
    pub(super) const NUMBER: u16 = 1;
    pub(super) const PRIORITY: u16 = 2;
}

/// A chain that the kernel calls at a hook; its policy is accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BaseChain {
    pub(super) family: TableFamily,
    pub(super) name: &'static str,
    /// `filter` or `nat`.
    pub(super) kind: &'static str,
    /// `NF_INET_…` or `NF_BR_…`.
    pub(super) hook: libc::c_int,
    /// Lower comes first.
    pub(super) priority: i32,
}

/// A chain that is jumped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) family: TableFamily,
    pub(super) name: String,
}

/// What the kernel says about a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChainState {
    /// The number of its rules and of the verdicts that lead to it.
    pub(super) uses: u32,
    /// Its comment.
    pub(super) comment: Option<String>,
    /// Kind, hook and priority of a base chain.
    pub(super) hook: Option<(String, u32, i32)>,
}

impl BaseChain {
    /// As `nft` names it.
    pub(super) fn display(&self) -> String {
        self.family.name("chain", self.name)
    }

    /// Asks for its state.
    pub(super) fn request(&self) -> Request {
        request(self.family, self.name)
    }

    /// Is this the state of a chain that is called where it should be?
    pub(super) fn is(&self, state: &ChainState) -> bool {
        let wanted = (self.kind.to_owned(), self.hook as u32, self.priority);
        state.hook.as_ref() == Some(&wanted)
    }
}

impl Chain {
    /// As `nft` names it.
    pub(super) fn display(&self) -> String {
        self.family.name("chain", &self.name)
    }

    /// Asks for its state.
    pub(super) fn request(&self) -> Request {
        request(self.family, &self.name)
    }
}

fn request(family: TableFamily, name: &str) -> Request {
    let mut payload = Vec::new();
    family.attributes(&mut payload).text(attribute::NAME, name);
    Request {
        kind: libc::NFT_MSG_GETCHAIN,
        object: Object::Chain,
        name: family.name("chain", name),
        payload,
    }
}

impl ChainState {
    /// Reads the attributes of the kernel's answer.
    pub(super) fn decode(attributes: &[u8]) -> Option<Self> {
        let comment = find(attributes, attribute::USERDATA).and_then(comment::decode);
        let hook = find(attributes, attribute::HOOK).and_then(|hook| {
            let kind = text_of(find(attributes, attribute::TYPE)?)?.to_owned();
            let priority = u32_of(find(hook, hook::PRIORITY)?)?.cast_signed();
            Some((kind, u32_of(find(hook, hook::NUMBER)?)?, priority))
        });
        Some(Self {
            uses: u32_of(find(attributes, attribute::USE)?)?,
            comment: comment.map(str::to_owned),
            hook,
        })
    }
}

/// A chain of any table, with its comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedChain {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) comment: Option<String>,
}

impl ListedChain {
    /// Asks for all chains of a family.
    pub(super) fn request_all(family: TableFamily) -> Request {
        let mut payload = Vec::new();
        family.attributes(&mut payload);
        Request {
            kind: libc::NFT_MSG_GETCHAIN,
            object: Object::Chain,
            name: format!("chains of table {family} {TABLE}"),
            payload,
        }
    }

    /// Reads the attributes of one of the kernel's answers.
    pub(super) fn decode(attributes: &[u8], chains: &mut Vec<Self>) -> Option<()> {
        let text = |kind| text_of(find(attributes, kind)?).map(str::to_owned);
        let comment = find(attributes, attribute::USERDATA).and_then(comment::decode);
        chains.push(Self {
            table: text(attribute::TABLE)?,
            name: text(attribute::NAME)?,
            comment: comment.map(str::to_owned),
        });
        Some(())
    }
}

impl Batch {
    /// The base chain is there.
    pub(super) fn add_base_chain(&mut self, chain: &BaseChain) {
        let message = Message {
            kind: libc::NFT_MSG_NEWCHAIN,
            flags: libc::NLM_F_CREATE,
            family: chain.family,
            operation: Operation::Add(Object::BaseChain),
            name: chain.display(),
        };
        self.push(message, |attributes| {
            attributes
                .text(attribute::NAME, chain.name)
                .nest(attribute::HOOK, |hook| {
                    hook.code(hook::NUMBER, chain.hook)
                        .code(hook::PRIORITY, chain.priority);
                })
                .code(attribute::POLICY, libc::NF_ACCEPT)
                .text(attribute::TYPE, chain.kind);
        });
    }

    /// Makes the chain; one that is there already is an error (EEXIST).
    pub(super) fn create_chain(&mut self, chain: &Chain, comment: &str) {
        let message = Message {
            kind: libc::NFT_MSG_NEWCHAIN,
            flags: libc::NLM_F_CREATE | libc::NLM_F_EXCL,
            family: chain.family,
            operation: Operation::Add(Object::Chain),
            name: chain.display(),
        };
        self.push(message, |attributes| {
            attributes
                .text(attribute::NAME, &chain.name)
                .bytes(attribute::USERDATA, &comment::encode(comment));
        });
    }

    /// Removes the chain with its rules.
    pub(super) fn delete_chain(&mut self, chain: &Chain) {
        let message = Message {
            kind: libc::NFT_MSG_DELCHAIN,
            flags: 0,
            family: chain.family,
            operation: Operation::Delete(Object::Chain),
            name: chain.display(),
        };
        self.push(message, |attributes| {
            attributes.text(attribute::NAME, &chain.name);
        });
    }
}
