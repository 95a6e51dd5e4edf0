//! What the host lets any plugin hand out on a network, read from the configuration by the host itself.

use cni::address_request::AddressRequest;
use cni::config::{IpamSettings, RangeSet};
use plan::{AddressPolicy, AddressRange};

/// The policy. Addresses that the runtime asks for widen it only where the operator has configured no range: then there
/// is nothing else that says which addresses the network has.
pub(super) fn policy(
    sets: &[RangeSet],
    settings: &IpamSettings,
    requested: &[AddressRequest],
) -> AddressPolicy {
    let ranges = sets.iter().flatten().map(|range| AddressRange {
        first: range.start,
        last: range.end,
        subnet: range.subnet,
        gateway: Some(range.gateway),
    });
    let mut policy = AddressPolicy {
        ranges: ranges.collect(),
        named: settings
            .addresses
            .iter()
            .map(|fixed| fixed.address.addr())
            .collect(),
    };
    if policy.ranges.is_empty() {
        policy
            .named
            .extend(requested.iter().map(|request| request.address));
    }
    policy
}

#[cfg(test)]
mod tests {
    use cni::address_request::RequestSource;
    use cni::config::NetworkConfig;
    use serde_json::{Value, json};

    use super::*;

    fn of(ipam: Value, runtime: Value) -> AddressPolicy {
        let config = json!({"name": "n", "type": "wasm-cni", "link": {}, "ipam": ipam, "runtimeConfig": runtime});
        let config = NetworkConfig::parse(config.to_string().as_bytes()).unwrap();
        let sets = config.ip_ranges().unwrap();
        let settings = config.ipam.unwrap().settings().unwrap();
        let requested = [AddressRequest {
            address: "192.0.2.9".parse().unwrap(),
            prefix_length: None,
            gateway: None,
            source: RequestSource::CniArgs,
        }];
        policy(&sets, &settings, &requested)
    }

    #[test]
    fn ranges_of_the_runtime_come_first_and_decide_the_primary_family() {
        let policy = of(
            json!({"type": "wasm-cni", "plugin": "p", "ranges": [[{"subnet": "10.1.0.0/24"}]]}),
            json!({"ipRanges": [[{"subnet": "fd00::/64"}]]}),
        );
        assert_eq!(policy.primary_family(), Some(plan::Family::Ipv6));
        assert!(policy.allows("10.1.0.9".parse().unwrap()));
    }

    #[test]
    fn a_request_widens_nothing_where_ranges_are_configured() {
        let ranged = of(
            json!({"type": "wasm-cni", "plugin": "p", "subnet": "10.1.0.0/24"}),
            json!({}),
        );
        assert!(!ranged.allows("192.0.2.9".parse().unwrap()));
        let free = of(
            json!({"type": "wasm-cni", "plugin": "p", "addresses": [{"address": "192.0.2.8/24"}]}),
            json!({}),
        );
        assert!(
            free.allows("192.0.2.9".parse().unwrap()) && free.allows("192.0.2.8".parse().unwrap())
        );
    }
}
