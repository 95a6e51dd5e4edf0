//! From plan and kernel to the CNI result.

use std::path::Path;

use cni::config::NetworkConfig;
use cni::result::{CniResult, Dns, Interface, IpConfig, Route};
use kernel::{LinkFact, Side};
use plan::Addressing;

/// The result of a link: interfaces in the order of the steps (bridge, host end, container's interface), as the reference
/// plugins list them.
pub(crate) fn of_link(
    config: &NetworkConfig,
    addressing: &Addressing,
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
    result.dns = dns(config, result.dns);
    match &config.previous_result {
        Some(previous) => behind(previous.result.clone(), result),
        None => result,
    }
}

/// The abbreviated result of an IPAM plugin: no interfaces (CNI 1.1.0, section 4).
pub(crate) fn of_addressing(addressing: &Addressing) -> CniResult {
    let ips = addressing.addresses.iter().map(|entry| IpConfig {
        interface: None,
        address: entry.address,
        gateway: entry.gateway,
    });
    let routes = addressing.routes.iter().map(|route| Route {
        dst: route.destination,
        gw: route.gateway,
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        scope: route.scope,
    });
    CniResult {
        interfaces: Vec::new(),
        ips: ips.collect(),
        routes: routes.collect(),
        dns: Dns {
            nameservers: addressing.dns.nameservers.clone(),
            domain: addressing.dns.domain.clone(),
            search: addressing.dns.search.clone(),
            options: addressing.dns.options.clone(),
        },
    }
}

fn interface(fact: &LinkFact, netns: &Path) -> Interface {
    Interface {
        name: fact.name.clone(),
        mac: Some(fact.mac.to_string()),
        mtu: Some(fact.mtu),
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
