//! A plugin's answers as the host's values. Every bound of the contract is checked again here: the plugin is not trusted.

pub(crate) mod change;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use plan::{Addressing, Dns, Family, InterfaceAddress, Route};

use crate::bindings::types;
use crate::outcome::{Failure, Malformed};
use crate::text;

const MOST_ADDRESSES: usize = 64;
const MOST_ROUTES: usize = 256;
/// More than any resolver reads (glibc: 3 name servers, 6 search domains before 2.26).
const MOST_DNS_ENTRIES: usize = 32;
/// A domain name has at most 253 bytes (RFC 1035, 2.3.4, in text form).
const LONGEST_DNS_TEXT: usize = 253;
/// As the contract says.
const LONGEST_FAILURE: usize = 4 << 10;
/// The scopes of routes that a result may name (rtnetlink(7): universe, link, host).
const SCOPES: [u8; 3] = [0, 253, 254];

pub(crate) fn address(address: types::IpAddress) -> IpAddr {
    match address {
        types::IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
        types::IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
            Ipv6Addr::new(a, b, c, d, e, f, g, h).into()
        }
    }
}

pub(crate) fn failure(failure: types::Failure) -> Failure {
    let shown = |said: String| text::printable(text::head(&said, LONGEST_FAILURE)).into_owned();
    match failure {
        types::Failure::InvalidConfig(said) => Failure::InvalidConfig(shown(said)),
        types::Failure::Exhausted(said) => Failure::Exhausted(shown(said)),
        types::Failure::Denied(said) => Failure::Denied(shown(said)),
        types::Failure::RetryLater(said) => Failure::RetryLater(shown(said)),
        types::Failure::Unavailable(said) => Failure::Unavailable(shown(said)),
        types::Failure::Other(said) => Failure::Other(shown(said)),
    }
}

/// Bytes of an answer as it lies in the host's memory, lists and strings included.
pub(crate) fn size(allocation: &types::Allocation) -> usize {
    size_of_val(allocation.addresses.as_slice())
        .saturating_add(size_of_val(allocation.routes.as_slice()))
        .saturating_add(dns_size(&allocation.dns))
}

/// Bytes of resolver settings as they lie in the host's memory, lists and strings included.
pub(crate) fn dns_size(dns: &types::Dns) -> usize {
    let lists = [&dns.nameservers, &dns.search, &dns.options];
    let texts = lists.into_iter().flatten().chain(&dns.domain);
    texts
        .map(|text| text.len().saturating_add(size_of::<String>()))
        .sum()
}

pub(crate) fn addressing(allocation: types::Allocation) -> Result<Addressing, Malformed> {
    at_most(allocation.addresses.len(), "addresses", MOST_ADDRESSES)?;
    at_most(allocation.routes.len(), "routes", MOST_ROUTES)?;
    let addresses = allocation.addresses.into_iter().map(interface_address);
    let routes = allocation.routes.into_iter().map(route);
    Ok(Addressing {
        addresses: addresses.collect::<Result<_, _>>()?,
        routes: routes.collect::<Result<_, _>>()?,
        dns: dns(allocation.dns)?,
    })
}

fn interface_address(given: types::InterfaceAddress) -> Result<InterfaceAddress, Malformed> {
    let address = network(given.address)?;
    let gateway = gateway(given.gateway, address)?;
    Ok(InterfaceAddress { address, gateway })
}

fn route(route: types::Route) -> Result<Route, Malformed> {
    let destination = without_host_bits(route.destination)?;
    match route.scope {
        Some(scope) if !SCOPES.contains(&scope) => return Err(Malformed::Scope(scope)),
        _ => {}
    }
    Ok(Route {
        destination,
        gateway: gateway(route.gateway, destination)?,
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        scope: route.scope,
    })
}

fn network(network: types::IpNetwork) -> Result<IpNet, Malformed> {
    let (address, length) = (address(network.address), network.prefix_length);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    IpNet::new(address, length).map_err(|_| Malformed::PrefixLength {
        address,
        length,
        bits,
    })
}

fn without_host_bits(given: types::IpNetwork) -> Result<IpNet, Malformed> {
    let network = network(given)?;
    if network != network.trunc() {
        return Err(Malformed::HostBits(network));
    }
    Ok(network)
}

fn gateway(gateway: Option<types::IpAddress>, of: IpNet) -> Result<Option<IpAddr>, Malformed> {
    match gateway.map(address) {
        Some(gateway) if Family::of(gateway) != Family::of(of.addr()) => {
            Err(Malformed::GatewayFamily { gateway, of })
        }
        gateway => Ok(gateway),
    }
}

fn dns(dns: types::Dns) -> Result<Dns, Malformed> {
    let nameservers = texts(dns.nameservers, "name servers", "a name server")?;
    // A zone may follow (`fe80::1%eth0`).
    let is_address = |text: &str| {
        text.split('%')
            .next()
            .is_some_and(|ip| ip.parse::<IpAddr>().is_ok())
    };
    if let Some(other) = nameservers.iter().find(|text| !is_address(text)) {
        return Err(Malformed::NameServer(other.clone()));
    }
    Ok(Dns {
        nameservers,
        domain: dns
            .domain
            .map(|domain| word(domain, "the domain", LONGEST_DNS_TEXT))
            .transpose()?,
        search: texts(dns.search, "search domains", "a search domain")?,
        options: texts(dns.options, "resolver options", "a resolver option")?,
    })
}

fn texts(
    texts: Vec<String>,
    several: &'static str,
    one: &'static str,
) -> Result<Vec<String>, Malformed> {
    at_most(texts.len(), several, MOST_DNS_ENTRIES)?;
    let word = |text| word(text, one, LONGEST_DNS_TEXT);
    texts.into_iter().map(word).collect()
}

/// One word, as of a resolv.conf: a space would split it, a line break would begin another directive.
fn word(text: String, what: &'static str, limit: usize) -> Result<String, Malformed> {
    if text.len() > limit {
        return Err(Malformed::TooLong {
            what,
            length: text.len(),
            limit,
        });
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Malformed::Unprintable { what, text });
    }
    Ok(text)
}

fn at_most(count: usize, what: &'static str, limit: usize) -> Result<(), Malformed> {
    match count {
        count if count > limit => Err(Malformed::TooMany { count, what, limit }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "lift_tests.rs"]
mod tests;
