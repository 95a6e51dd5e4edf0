//! nftables' text, as it would stand in a rule.

use wasm_cni_guest::{IpFamily, PacketCondition, PacketMatch};

use super::iptables::OUTGOING;
use super::{POSSIBLE, value, wrong};

/// What stands left of the operator.
#[derive(Clone, Copy)]
enum Selector {
    Source(IpFamily),
    Destination(IpFamily),
    InputInterface,
    Mark,
}

pub(super) fn read(family: IpFamily, list: &[String]) -> Result<Vec<PacketCondition>, String> {
    let text = list.join(" ");
    let tokens = tokens(&text);
    let mut rest = tokens.as_slice();
    let mut conditions = Vec::new();
    while !rest.is_empty() {
        let (condition, behind) = condition(family, rest)?;
        conditions.push(condition);
        rest = behind;
    }
    Ok(conditions)
}

/// The text in words, operators and quoted words each by itself.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = token_length(rest);
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// The length in bytes of the token that a text begins with; at least that of its first character.
fn token_length(text: &str) -> usize {
    if text.starts_with("!=") || text.starts_with("==") {
        return 2;
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    if text.starts_with(['&', '{', '}', ',', '!', '=']) {
        return first;
    }
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.find('"').map_or(text.len(), |end| end + 2);
    }
    text.find(|c: char| c.is_whitespace() || "&{},!=\"".contains(c))
        .unwrap_or(text.len())
}

/// The condition that the tokens begin with, and what is behind it.
fn condition<'t, 'a>(
    family: IpFamily,
    tokens: &'t [&'a str],
) -> Result<(PacketCondition, &'t [&'a str]), String> {
    let start = tokens;
    // The tokens up to what is behind the wrong ones.
    let wrong = |behind: &[&str], why: &str| {
        let count = start.len().saturating_sub(behind.len());
        wrong(start.get(..count).unwrap_or(start), why)
    };
    let (selector, tokens) = selector(start).map_err(|(behind, why)| wrong(behind, &why))?;
    let (mask, tokens) = match (selector, tokens) {
        (Selector::Mark, ["&" | "and", mask, tokens @ ..]) => {
            let mask = value::number(mask).map_err(|why| wrong(tokens, why))?;
            (Some(mask), tokens)
        }
        _ => (None, tokens),
    };
    let (negated, tokens) = match tokens {
        ["!=" | "ne", tokens @ ..] => (true, tokens),
        ["==" | "eq", tokens @ ..] => (false, tokens),
        _ => (false, tokens),
    };
    let [text, tokens @ ..] = tokens else {
        return Err(wrong(tokens, "ends too early; a value is missing"));
    };
    if *text == "{" {
        return Err(wrong(
            tokens,
            "one value a condition; sets are not possible",
        ));
    }
    let matches = match selector {
        Selector::Source(of) | Selector::Destination(of) if of != family => Err(match of {
            IpFamily::Ipv4 => "is about IPv4; it belongs into conditionsV4",
            IpFamily::Ipv6 => "is about IPv6; it belongs into conditionsV6",
        }),
        Selector::Source(_) => value::network(family, text).map(PacketMatch::Source),
        Selector::Destination(_) => value::network(family, text).map(PacketMatch::Destination),
        Selector::InputInterface => {
            value::interface(unquoted(text), '*').map(PacketMatch::InputInterface)
        }
        Selector::Mark => value::number(text)
            .and_then(|value| value::mark(value, mask.unwrap_or(u32::MAX)))
            .map(PacketMatch::Mark),
    };
    let condition = PacketCondition {
        family,
        negated,
        matches: matches.map_err(|why| wrong(tokens, why))?,
    };
    Ok((condition, tokens))
}

/// What the tokens begin with, and what is behind it; otherwise what is behind the wrong tokens, and why.
#[expect(
    clippy::type_complexity,
    reason = "a slice behind, in success and in failure"
)]
fn selector<'t, 'a>(
    tokens: &'t [&'a str],
) -> Result<(Selector, &'t [&'a str]), (&'t [&'a str], String)> {
    match tokens {
        ["ip", "saddr", rest @ ..] => Ok((Selector::Source(IpFamily::Ipv4), rest)),
        ["ip", "daddr", rest @ ..] => Ok((Selector::Destination(IpFamily::Ipv4), rest)),
        ["ip6", "saddr", rest @ ..] => Ok((Selector::Source(IpFamily::Ipv6), rest)),
        ["ip6", "daddr", rest @ ..] => Ok((Selector::Destination(IpFamily::Ipv6), rest)),
        ["meta", "iifname", rest @ ..] | ["iifname", rest @ ..] => {
            Ok((Selector::InputInterface, rest))
        }
        ["meta", "mark", rest @ ..] | ["mark", rest @ ..] => Ok((Selector::Mark, rest)),
        ["meta", "oifname" | "oif", rest @ ..] | ["oifname" | "oif", rest @ ..] => {
            Err((rest, OUTGOING.to_owned()))
        }
        ["meta" | "ip" | "ip6", _, rest @ ..] | [_, rest @ ..] => {
            Err((rest, format!("is not possible; {POSSIBLE}")))
        }
        [] => Err((tokens, "ends too early".to_owned())),
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}
