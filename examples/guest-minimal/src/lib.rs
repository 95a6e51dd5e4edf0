//! The smallest useful IPAM plugin: the next free address of one network.

use serde::Deserialize;
use wasm_cni_guest::ipnet::IpNet;
use wasm_cni_guest::{
    AddressRange, Allocation, Attachment, Dns, Failure, Host, InterfaceAddress, Ipam, config,
    export_ipam,
};

/// `{"type": "wasm-cni", "plugin": "guest-minimal", "ranges": [[{"subnet": "10.9.0.0/24"}]]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimal {
    /// The host reads this key as well, and grants addresses only inside it.
    ranges: [[Range; 1]; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    subnet: IpNet,
}

impl Ipam for Minimal {
    fn configure(text: &str) -> Result<Self, Failure> {
        config::parse(text)
    }

    fn allocate(
        &self,
        _: &Attachment,
        _: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure> {
        let [[Range { subnet }]] = self.ranges;
        let pool = [AddressRange::hosts(subnet)];
        let address = match host.held().first() {
            Some(held) => *held,
            None => host.reserve_next(&pool, host.last_reserved(&pool))?,
        };
        Ok(Allocation {
            addresses: vec![InterfaceAddress::new(address, subnet.prefix_len(), None)?],
            ..Allocation::default()
        })
    }
}

export_ipam!(Minimal);

#[cfg(test)]
mod tests {
    use wasm_cni_guest::testing::Node;

    use super::*;

    #[test]
    fn two_containers_get_two_addresses_and_a_third_of_two_none() {
        let node = Node::new();
        let config = r#"{"type": "wasm-cni", "ranges": [[{"subnet": "10.9.0.0/30"}]]}"#;
        let add = |name| node.add::<Minimal>(config, &Attachment::new("pods", name, "eth0"), None);
        for (name, expected) in [
            ("a", "10.9.0.1/30"),
            ("b", "10.9.0.2/30"),
            ("a", "10.9.0.1/30"),
        ] {
            assert_eq!(
                add(name).unwrap().addresses[0].address.to_string(),
                expected
            );
        }
        assert!(matches!(add("c"), Err(Failure::Exhausted(_))));
    }
}
