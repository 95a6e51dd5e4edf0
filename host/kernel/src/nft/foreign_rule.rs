//! The one rule that we put into chains of others: packets with our mark are accepted.
//!
//! It consists of what iptables-nft itself would make of `-m mark --mark 0x1000/0x1000 -j ACCEPT`, so that `iptables -S`
//! shows it so, and that it keeps its meaning when it is saved and restored: a lookup in a set would be shown, and
//! restored, as a bare `-j ACCEPT`.

use super::attribute::{each, find, text_of, u32_of, u64_of};
use super::batch::Batch;
use super::comment;
use super::error::{Object, Operation};
use super::expression::{Expression, Meta, Register, Verdict};
use super::foreign_chain::ForeignChain;
use super::host_firewall::FIREWALL_MARK;
use super::table::TABLE;

/// `NFTA_RULE_…`
mod attribute {
    pub(super) const HANDLE: u16 = 3;
    pub(super) const EXPRESSIONS: u16 = 4;
    pub(super) const USERDATA: u16 = 7;
}
/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFTA_DATA_VALUE`, `NFTA_DATA_VERDICT`
const VALUE: u16 = 1;
const VERDICT: u16 = 2;

impl Batch {
    /// Puts our rule at the head of another's chain.
    pub(super) fn insert_accept(&mut self, chain: &ForeignChain) {
        let operation = (Operation::Add(Object::Rule), chain.display());
        let flags = libc::NLM_F_CREATE;
        self.push_any(libc::NFT_MSG_NEWRULE, flags, operation, |buffer| {
            chain
                .begin_rule(buffer)
                .nest(attribute::EXPRESSIONS, |list| {
                    Expression::encode_all(&expressions(), list);
                })
                .bytes(attribute::USERDATA, &comment::encode(TABLE));
        });
    }

    /// Removes a rule of another's chain.
    pub(super) fn delete_foreign_rule(&mut self, chain: &ForeignChain, handle: u64) {
        let operation = (Operation::Delete(Object::Rule), chain.display());
        self.push_any(libc::NFT_MSG_DELRULE, 0, operation, |buffer| {
            chain.begin_rule(buffer).u64(attribute::HANDLE, handle);
        });
    }
}

fn expressions() -> [Expression; 4] {
    let register = Register::First;
    let mark = FIREWALL_MARK.to_ne_bytes().to_vec();
    [
        Expression::Meta {
            meta: Meta::Mark,
            into: register,
        },
        Expression::Mask {
            register,
            mask: mark.clone(),
        },
        Expression::Equal {
            register,
            value: mark,
        },
        Expression::Verdict(Verdict::Accept),
    ]
}

/// Reads one of the kernel's answers; adds the handle of a rule that is ours, whoever restored it since.
pub(super) fn decode(attributes: &[u8], handles: &mut Vec<u64>) -> Option<()> {
    let handle = u64_of(find(attributes, attribute::HANDLE)?)?;
    let list = find(attributes, attribute::EXPRESSIONS).unwrap_or_default();
    if is_accept(list) {
        handles.push(handle);
    }
    Some(())
}

/// What a rule consists of, as far as it can be ours.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    LoadsMark,
    KeepsOurBit,
    EqualsOurBit,
    /// All of the three above, in the form of an iptables match.
    MatchesMark,
    Accepts,
    Other,
}

fn is_accept(list: &[u8]) -> bool {
    let parts: Vec<_> = each(list)
        .filter_map(|(_, expression)| part(expression))
        .collect();
    matches!(
        parts.as_slice(),
        [
            Part::LoadsMark,
            Part::KeepsOurBit,
            Part::EqualsOurBit,
            Part::Accepts
        ] | [Part::MatchesMark, Part::Accepts]
    )
}

/// None for what changes nothing: a counter, a comment. The numbers are those of `NFTA_META_…`, `NFTA_BITWISE_…` and so on.
fn part(expression: &[u8]) -> Option<Part> {
    let name = find(expression, NAME).and_then(text_of);
    let data = find(expression, DATA).unwrap_or_default();
    let code = |kind| find(data, kind).and_then(u32_of);
    let value = |kind| find(data, kind).and_then(|nest| find(nest, VALUE));
    let bit = FIREWALL_MARK.to_ne_bytes();
    let is_bit = |kind| value(kind) == Some(&bit[..]);
    let found = match name {
        Some("counter") => return None,
        Some("meta") => {
            let loads = find(data, 1).is_some();
            (loads && code(2) == Some(libc::NFT_META_MARK as u32)).then_some(Part::LoadsMark)
        }
        Some("bitwise") => {
            let changes_nothing = value(5) == Some(&[0; 4][..]);
            (is_bit(4) && changes_nothing).then_some(Part::KeepsOurBit)
        }
        Some("cmp") => {
            (code(2) == Some(libc::NFT_CMP_EQ as u32) && is_bit(3)).then_some(Part::EqualsOurBit)
        }
        Some("immediate") => {
            let verdict = find(data, 2).and_then(|nest| find(nest, VERDICT));
            let code = verdict.and_then(|nest| find(nest, 1)).and_then(u32_of);
            (code == Some(libc::NF_ACCEPT as u32)).then_some(Part::Accepts)
        }
        Some("match") => match find(data, 1).and_then(text_of) {
            Some("comment") => return None,
            // `struct xt_mark_mtinfo1`: mark, mask, whether it is inverted.
            Some("mark") => {
                let information = find(data, 3).unwrap_or_default();
                let wanted = [&bit[..], &bit, &[0]].concat();
                information
                    .starts_with(&wanted)
                    .then_some(Part::MatchesMark)
            }
            _ => None,
        },
        _ => None,
    };
    Some(found.unwrap_or(Part::Other))
}

#[cfg(test)]
mod tests {
    use super::super::attribute::Attributes;
    use super::super::expression::encoded;
    use super::*;

    #[test]
    fn our_rule_is_recognised_and_a_wider_or_narrower_one_is_not() {
        let ours = expressions();
        assert!(is_accept(&encoded(&ours)));
        for index in 0..ours.len() {
            let mut others = ours.to_vec();
            others.remove(index);
            assert!(!is_accept(&encoded(&others)), "{others:?}");
        }
        let mut others = ours.to_vec();
        others.insert(3, Expression::Masquerade);
        assert!(!is_accept(&encoded(&others)));
        let mut others = ours.to_vec();
        others[3] = Expression::Verdict(Verdict::Drop);
        assert!(!is_accept(&encoded(&others)));
    }

    #[test]
    fn the_form_of_an_iptables_match_is_recognised() {
        let rule = |mask: u32, inverted: u8| {
            let mut buffer = Vec::new();
            let information = [
                &FIREWALL_MARK.to_ne_bytes()[..],
                &mask.to_ne_bytes(),
                &[inverted, 0, 0, 0],
            ]
            .concat();
            Attributes::new(&mut buffer)
                .nest(1, |expression| {
                    expression.text(NAME, "match").nest(DATA, |data| {
                        data.text(1, "mark").u32(2, 1).bytes(3, &information);
                    });
                })
                .nest(1, |expression| {
                    expression.text(NAME, "counter").nest(DATA, |_| {});
                });
            buffer.extend(encoded(&[Expression::Verdict(Verdict::Accept)]));
            buffer
        };
        assert!(is_accept(&rule(FIREWALL_MARK, 0)));
        assert!(!is_accept(&rule(FIREWALL_MARK, 1)));
        assert!(!is_accept(&rule(u32::MAX, 0)));
    }

    #[test]
    fn broken_rules_are_not_ours() {
        let whole = encoded(&expressions());
        for length in 0..whole.len() {
            assert!(!is_accept(&whole[..length]), "{length}");
        }
    }
}
