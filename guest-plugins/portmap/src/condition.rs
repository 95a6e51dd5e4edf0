//! `conditionsV4` and `conditionsV6`: iptables' or nftables' text, as far as it can be said in the contract's terms.

mod iptables;
mod nftables;
mod value;

use wasm_cni_guest::{IpFamily, PacketCondition};

/// What is possible at all, for errors.
const POSSIBLE: &str = "possible are -s, -d, -i and -m mark --mark with iptables, ip saddr, ip daddr, iifname and mark \
                        with nftables (ip6 in conditionsV6), each of them negated or not";

/// Read a list of one family.
///
/// # Errors
/// The words that are wrong in quotes, then why: `"-p tcp": …`.
pub(crate) fn read(family: IpFamily, list: &[String]) -> Result<Vec<PacketCondition>, String> {
    let first = list.iter().find_map(|text| text.trim().chars().next());
    match first {
        None => Ok(Vec::new()),
        Some('-' | '!') => iptables::read(family, list),
        Some(_) => nftables::read(family, list),
    }
}

/// The words in quotes, then why they are wrong.
fn wrong(words: &[&str], why: impl std::fmt::Display) -> String {
    format!("\"{}\": {why}", words.join(" "))
}
