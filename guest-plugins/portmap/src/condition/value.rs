//! The values of conditions, which are the same in both languages but for the wildcard of names.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use wasm_cni_guest::{IpFamily, PacketMark};

/// The longest name of an interface in bytes (`IFNAMSIZ` less the final zero).
const LONGEST_NAME: usize = 15;

/// A network or an address of this family. Host bits are cleared, as both languages do.
pub(super) fn network(family: IpFamily, text: &str) -> Result<IpNet, &'static str> {
    if text.contains([',', '{', '-']) {
        return Err("one network a condition; lists, ranges and sets are not possible");
    }
    let network = match text.split_once('/') {
        None => text.parse::<IpAddr>().ok().map(IpNet::from),
        Some((address, mask)) => match (address.parse(), mask.parse::<Ipv4Addr>()) {
            (Ok(address @ IpAddr::V4(_)), Ok(mask)) => {
                IpNet::with_netmask(address, IpAddr::V4(mask)).ok()
            }
            _ => text.parse().ok(),
        },
    };
    match (network, family) {
        (None, _) => Err("is neither an address nor a network"),
        (Some(IpNet::V6(_)), IpFamily::Ipv4) => {
            Err("is an IPv6 network; it belongs into conditionsV6")
        }
        (Some(IpNet::V4(_)), IpFamily::Ipv6) => {
            Err("is an IPv4 network; it belongs into conditionsV4")
        }
        (Some(network), _) => Ok(network.trunc()),
    }
}

/// The name of an interface; `wildcard` at its end stands for anything in its language. The other language's wildcard
/// there would be part of the name, which the contract can't say.
pub(super) fn interface(text: &str, wildcard: char) -> Result<String, &'static str> {
    let stem = text.strip_suffix(wildcard).unwrap_or(text);
    if stem.is_empty() && !text.is_empty() {
        return Err("is any interface, which is no condition; leave it out");
    }
    if stem.is_empty() || stem.len() > LONGEST_NAME || stem == "." || stem == ".." {
        return Err("is no name of an interface");
    }
    if stem.contains(['/', ':', '"', '{', ','])
        || stem.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err("is no name of an interface");
    }
    if stem.ends_with(['+', '*']) {
        return Err(
            "a name can't end so; the wildcard is one + with iptables, one * with nftables",
        );
    }
    Ok(text.to_owned())
}

/// A value of a packet mark, after `/` its mask.
pub(super) fn masked_mark(text: &str) -> Result<PacketMark, &'static str> {
    match text.split_once('/') {
        Some((value, mask)) => mark(number(value)?, number(mask)?),
        None => mark(number(text)?, u32::MAX),
    }
}

/// A mark that a packet can have.
pub(super) fn mark(value: u32, mask: u32) -> Result<PacketMark, &'static str> {
    if value & !mask == 0 {
        Ok(PacketMark { value, mask })
    } else {
        Err("can't be: the value has bits outside its mask")
    }
}

/// A number as C writes it: decimal, `0x` hexadecimal, `0` octal.
pub(super) fn number(text: &str) -> Result<u32, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (lower.as_str(), 8),
        None => (lower.as_str(), 10),
    };
    if digits.starts_with('+') {
        return Err("is no number of 32 bits");
    }
    u32::from_str_radix(digits, radix).map_err(|_| "is no number of 32 bits")
}
