//! Between plan and kernel and the CNI result.

mod addressing;

use std::path::Path;

use cni::config::NetworkConfig;
use cni::result::{CniResult, Dns, Interface, IpConfig, Route};
use ipnet::IpNet;
use kernel::{LinkFact, Side};
use plan::{Addressing, Attachment, Link, Proposal};

pub(crate) use addressing::{addressing, addressing_of, of_addressing};
use addressing::{of_address, of_dns, of_route};

/// The result of a link; `dns_is_decided` if a stage of the chain has set the resolver settings. Interfaces in the order
/// of the steps (bridge, host end, container's interface), as the reference plugins list them.
pub(crate) fn of_link(
    link: &Link,
    config: &NetworkConfig,
    addressing: &Addressing,
    dns_is_decided: bool,
    facts: &[LinkFact],
    netns: &Path,
) -> CniResult {
    let interfaces: Vec<Interface> = facts.iter().map(|fact| interface(fact, netns)).collect();
    let container = facts.iter().rposition(|fact| fact.side == Side::Container);
    let mut result = of_addressing(addressing);
    for ip in &mut result.ips {
        ip.interface = container;
    }
    result.interfaces = interfaces;
    if !dns_is_decided {
        result.dns = dns(config, result.dns);
    }
    match (&config.previous_result, link) {
        // `lo` is every container's: it is nothing that a later plugin would want to know of.
        (Some(previous), Link::Loopback {}) => previous.result.clone(),
        (Some(previous), _) => behind(previous.result.clone(), result),
        (None, _) => result,
    }
}

/// `prevResult` with what a stage has changed, and nothing else touched (CNI 1.1.0, "ADD").
pub(crate) fn amended(
    previous: &CniResult,
    attachment: &Attachment,
    before: &Proposal,
    after: &Proposal,
    dns_is_decided: bool,
    made: &[LinkFact],
) -> CniResult {
    let mut result = previous.clone();
    let own = result.interfaces.iter().position(|interface| {
        interface.name == attachment.interface_name && interface.sandbox.is_some()
    });
    if let Some(interface) = own.and_then(|index| result.interfaces.get_mut(index)) {
        if after.mac != before.mac {
            interface.mac = after.mac.map(|mac| mac.to_string());
        }
        if after.mtu != before.mtu {
            interface.mtu = after.mtu;
        }
    }
    let (old, new) = (&before.addressing, &after.addressing);
    let is_gone = |address: &IpNet| {
        let has = |addressing: &Addressing| {
            addressing
                .addresses
                .iter()
                .any(|entry| entry.address == *address)
        };
        has(old) && !has(new)
    };
    result.ips.retain(|ip| !is_gone(&ip.address));
    let added = new
        .addresses
        .iter()
        .filter(|entry| !old.addresses.contains(entry));
    result.ips.extend(added.map(|entry| of_address(entry, own)));
    let gone: Vec<Route> = old
        .routes
        .iter()
        .filter(|route| !new.routes.contains(route))
        .map(of_route)
        .collect();
    result.routes.retain(|route| !gone.contains(route));
    let added = new
        .routes
        .iter()
        .filter(|route| !old.routes.contains(route));
    result.routes.extend(added.map(of_route));
    if dns_is_decided {
        result.dns = of_dns(&new.dns);
    }
    let links = made.iter().map(|fact| interface(fact, Path::new("")));
    result.interfaces.extend(links);
    result
}

fn interface(fact: &LinkFact, netns: &Path) -> Interface {
    Interface {
        name: fact.name.clone(),
        mac: fact.mac.map(|mac| mac.to_string()),
        mtu: (fact.mtu != 0).then_some(fact.mtu),
        sandbox: (fact.side == Side::Container).then(|| netns.to_string_lossy().into_owned()),
        ..Interface::default()
    }
}

/// The runtime's settings win over the operator's, and these over IPAM's, as the reference plugins have it.
fn dns(config: &NetworkConfig, from_ipam: Dns) -> Dns {
    if let Some(runtime) = &config.runtime_config.dns {
        return Dns {
            nameservers: runtime.servers.clone(),
            domain: None,
            search: runtime.searches.clone(),
            options: runtime.options.clone(),
        };
    }
    if config.dns.is_empty() {
        from_ipam
    } else {
        config.dns.clone()
    }
}

/// What earlier plugins of the list made stays in the result (CNI 1.1.0, "ADD").
fn behind(mut previous: CniResult, mut ours: CniResult) -> CniResult {
    // What the new interface took over from an earlier one is its own now.
    let ours_has = |ip: &IpConfig| ours.ips.iter().any(|own| own.address == ip.address);
    previous.ips.retain(|ip| !ours_has(ip));
    previous.routes.retain(|route| !ours.routes.contains(route));
    let offset = previous.interfaces.len();
    for ip in &mut ours.ips {
        ip.interface = ip.interface.map(|index| index + offset);
    }
    previous.interfaces.append(&mut ours.interfaces);
    previous.ips.append(&mut ours.ips);
    previous.routes.append(&mut ours.routes);
    if !ours.dns.is_empty() {
        previous.dns = ours.dns;
    }
    previous
}

#[cfg(test)]
mod tests {
    use plan::InterfaceAddress;

    use super::*;

    fn with_interface(name: &str, address: &str) -> CniResult {
        CniResult {
            interfaces: vec![Interface {
                name: name.into(),
                ..Interface::default()
            }],
            ips: vec![IpConfig {
                interface: Some(0),
                address: address.parse().unwrap(),
                gateway: None,
            }],
            ..CniResult::default()
        }
    }

    #[test]
    fn a_stage_changes_what_it_changes_and_nothing_else() {
        let attachment = Attachment {
            network: "n".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let mut previous = with_interface("eth0", "10.0.0.1/24");
        for interface in &mut previous.interfaces {
            interface.sandbox = Some("/run/netns/c".into());
            interface.mtu = Some(1500);
        }
        previous.ips.push(IpConfig {
            interface: None,
            address: "192.0.2.7/24".parse().unwrap(),
            gateway: None,
        });
        let route = |destination: &str| plan::Route::to(destination.parse().unwrap(), None);
        previous.routes = vec![of_route(&route("0.0.0.0/0"))];
        let entry = |address: &str| InterfaceAddress {
            address: address.parse().unwrap(),
            gateway: None,
        };
        let before = Proposal {
            mtu: Some(1500),
            addressing: Addressing {
                addresses: vec![entry("10.0.0.1/24")],
                routes: vec![route("0.0.0.0/0")],
                ..Addressing::default()
            },
            ..Proposal::default()
        };
        let mut after = before.clone();
        after.mtu = Some(1400);
        after.addressing.addresses = vec![entry("10.0.0.2/24")];
        after.addressing.routes = vec![route("192.0.2.0/24")];
        let result = amended(&previous, &attachment, &before, &after, false, &[]);
        assert_eq!(result.interfaces[0].mtu, Some(1400));
        let ips: Vec<_> = result
            .ips
            .iter()
            .map(|ip| (ip.address.to_string(), ip.interface))
            .collect();
        assert_eq!(
            ips,
            [
                ("192.0.2.7/24".into(), None),
                ("10.0.0.2/24".into(), Some(0))
            ]
        );
        assert_eq!(result.routes, [of_route(&route("192.0.2.0/24"))]);
        let same = amended(&previous, &attachment, &before, &before, false, &[]);
        assert_eq!(same, previous);
    }

    #[test]
    fn an_address_that_was_taken_over_is_told_once() {
        let all = behind(
            with_interface("bond0", "10.0.0.1/24"),
            with_interface("eth0", "10.0.0.1/24"),
        );
        let ips: Vec<_> = all.ips.iter().map(|ip| ip.interface).collect();
        assert_eq!((all.interfaces.len(), ips), (2, vec![Some(1)]));
    }

    #[test]
    fn what_earlier_plugins_made_is_kept_and_indices_move() {
        let all = behind(
            with_interface("eth0", "10.0.0.1/24"),
            with_interface("eth1", "10.1.0.1/24"),
        );
        assert_eq!(all.interfaces.len(), 2);
        assert_eq!(
            all.ips
                .iter()
                .map(|ip| ip.interface.unwrap())
                .collect::<Vec<_>>(),
            [0, 1]
        );
    }
}
