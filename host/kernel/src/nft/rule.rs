use super::attribute::{find, u64_of};
use super::batch::{Batch, Message};
use super::comment;
use super::error::{Object, Operation};
use super::expression::{Expression, Verdict, jump_target};
use super::socket::Request;
use super::table::{TABLE, TableFamily};

/// `NFTA_RULE_…`
mod attribute {
    pub(super) const CHAIN: u16 = 2;
    pub(super) const HANDLE: u16 = 3;
    pub(super) const EXPRESSIONS: u16 = 4;
    pub(super) const USERDATA: u16 = 7;
}

/// A rule to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// Tells it from the chain's other rules.
    pub(super) comment: String,
    pub(super) expressions: Vec<Expression>,
}

/// What the kernel says about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleState {
    pub(super) handle: u64,
    pub(super) comment: Option<String>,
    /// The chain that it jumps to.
    pub(super) jump: Option<String>,
}

impl Rule {
    /// A rule that leads packets to a chain, if they match all that is given.
    pub(super) fn jump(chain: &str, matches: &[Expression]) -> Self {
        let jump = Expression::Verdict(Verdict::Jump(chain.to_owned()));
        Self {
            comment: TABLE.to_owned(),
            expressions: [matches, &[jump]].concat(),
        }
    }
}

impl RuleState {
    /// Asks for all rules of a chain, in their order.
    pub(super) fn request(family: TableFamily, chain: &str) -> Request {
        let mut payload = Vec::new();
        family
            .attributes(&mut payload)
            .text(attribute::CHAIN, chain);
        Request {
            kind: libc::NFT_MSG_GETRULE,
            object: Object::Rule,
            name: family.name("chain", chain),
            payload,
        }
    }

    /// Reads the attributes of one of the kernel's answers.
    pub(super) fn decode(attributes: &[u8], rules: &mut Vec<Self>) -> Option<()> {
        let comment = find(attributes, attribute::USERDATA).and_then(comment::decode);
        let jump = find(attributes, attribute::EXPRESSIONS).and_then(jump_target);
        rules.push(Self {
            handle: u64_of(find(attributes, attribute::HANDLE)?)?,
            comment: comment.map(str::to_owned),
            jump: jump.map(str::to_owned),
        });
        Some(())
    }
}

impl Batch {
    /// Puts a rule at a chain's end.
    pub(super) fn append_rule(&mut self, family: TableFamily, chain: &str, rule: &Rule) {
        let message = Message {
            kind: libc::NFT_MSG_NEWRULE,
            flags: libc::NLM_F_CREATE | libc::NLM_F_APPEND,
            family,
            operation: Operation::Add(Object::Rule),
            name: family.name("rule", &format!("{chain} {:?}", rule.comment)),
        };
        self.push(message, |attributes| {
            attributes
                .text(attribute::CHAIN, chain)
                .nest(attribute::EXPRESSIONS, |list| {
                    Expression::encode_all(&rule.expressions, list);
                })
                .bytes(attribute::USERDATA, &comment::encode(&rule.comment));
        });
    }

    /// Removes a rule.
    pub(super) fn delete_rule(&mut self, family: TableFamily, chain: &str, handle: u64) {
        let message = Message {
            kind: libc::NFT_MSG_DELRULE,
            flags: 0,
            family,
            operation: Operation::Delete(Object::Rule),
            name: family.name("rule", &format!("{chain} handle {handle}")),
        };
        self.push(message, |attributes| {
            attributes
                .text(attribute::CHAIN, chain)
                .u64(attribute::HANDLE, handle);
        });
    }
}
