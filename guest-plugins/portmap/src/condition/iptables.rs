//! iptables' words, as they would stand in a rule.

use wasm_cni_guest::{IpFamily, PacketCondition, PacketMatch};

use super::{POSSIBLE, value, wrong};

/// What an option looks at.
#[derive(Clone, Copy)]
enum Kind {
    Source,
    Destination,
    InputInterface,
    Mark,
    Match,
}

/// An option with its value, ready to become a condition.
struct Clause<'a> {
    /// All of its words, for errors.
    words: Vec<&'a str>,
    negated: bool,
    kind: Kind,
    value: &'a str,
}

pub(super) fn read(family: IpFamily, list: &[String]) -> Result<Vec<PacketCondition>, String> {
    let mut words = list.iter().flat_map(|text| text.split_whitespace());
    let mut conditions = Vec::new();
    // The words of a `-m mark` that waits for its `--mark`, and whether one was ever there.
    let mut waiting: Option<Vec<&str>> = None;
    let mut loaded = false;
    while let Some(word) = words.next() {
        let clause = clause(word, &mut words)?;
        let matches = match clause.kind {
            Kind::Match => {
                if clause.negated || clause.value != "mark" {
                    return Err(wrong(
                        &clause.words,
                        format_args!("is not possible; {POSSIBLE}"),
                    ));
                }
                loaded = true;
                waiting = Some(clause.words);
                continue;
            }
            Kind::Mark if !loaded => {
                return Err(wrong(&clause.words, "needs -m mark before it"));
            }
            Kind::Mark => {
                waiting = None;
                value::masked_mark(clause.value).map(PacketMatch::Mark)
            }
            Kind::Source => value::network(family, clause.value).map(PacketMatch::Source),
            Kind::Destination => value::network(family, clause.value).map(PacketMatch::Destination),
            Kind::InputInterface => {
                value::interface(clause.value, '+').map(PacketMatch::InputInterface)
            }
        };
        conditions.push(PacketCondition {
            family,
            negated: clause.negated,
            matches: matches.map_err(|why| wrong(&clause.words, why))?,
        });
    }
    match waiting {
        Some(words) => Err(wrong(&words, "needs a --mark behind it")),
        None => Ok(conditions),
    }
}

/// The clause that begins with `first`: `[!] OPTION [!] VALUE`, or `[!] OPTION=VALUE`.
fn clause<'a>(
    first: &'a str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<Clause<'a>, String> {
    let mut words = vec![first];
    let mut negated = false;
    let mut name = first;
    if name == "!" {
        negated = true;
        name = next(&mut words, rest)?;
    }
    let (name, attached) = match name.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (name, None),
    };
    let kind = match name {
        "-s" | "--src" | "--source" => Kind::Source,
        "-d" | "--dst" | "--destination" => Kind::Destination,
        "-i" | "--in-interface" => Kind::InputInterface,
        "-m" | "--match" => Kind::Match,
        "--mark" => Kind::Mark,
        "-o" | "--out-interface" => {
            words.extend(rest.next());
            return Err(wrong(&words, OUTGOING));
        }
        _ => {
            words.extend(rest.next());
            return Err(wrong(&words, format_args!("is not possible; {POSSIBLE}")));
        }
    };
    let value = match attached {
        Some(value) => value,
        None => match next(&mut words, rest)? {
            "!" if negated => return Err(wrong(&words, "is negated twice")),
            "!" => {
                negated = true;
                next(&mut words, rest)?
            }
            value => value,
        },
    };
    Ok(Clause {
        words,
        negated,
        kind,
        value,
    })
}

/// Why no condition can be about the outgoing interface.
pub(super) const OUTGOING: &str = "the outgoing interface is not known yet where a destination is rewritten, before \
                                   routing; name the incoming one, or the address";

fn next<'a>(
    words: &mut Vec<&'a str>,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<&'a str, String> {
    match rest.next() {
        Some(word) => {
            words.push(word);
            Ok(word)
        }
        None => Err(wrong(words, "ends too early; a value is missing")),
    }
}
