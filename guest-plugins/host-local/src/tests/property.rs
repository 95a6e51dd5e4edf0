use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use wasm_cni_guest::testing::Node;
use wasm_cni_guest::{AddressRequest, Failure, RequestSource};

use super::{add, pod};
use crate::HostLocal;

/// Two ranges in one set; holes of every kind. Addresses are 10.0.0.N in a /26 and 10.0.1.N in a /28.
#[derive(Debug, Clone)]
struct Layout {
    start: u8,
    end: u8,
    gateway: u8,
    excluded: Vec<u8>,
    excluded_network: u8,
}

impl Layout {
    fn config(&self) -> String {
        let Self {
            start,
            end,
            gateway,
            excluded_network,
            ..
        } = self;
        let excluded: Vec<String> = self
            .excluded
            .iter()
            .map(|host| format!(r#""10.0.0.{host}""#))
            .collect();
        format!(
            r#"{{"ranges": [[
                {{"subnet": "10.0.0.0/26", "rangeStart": "10.0.0.{start}", "rangeEnd": "10.0.0.{end}",
                  "gateway": "10.0.0.{gateway}", "exclude": [{}]}},
                {{"subnet": "10.0.1.0/28"}}]],
              "exclude": ["10.0.1.{excluded_network}/30"]}}"#,
            excluded.join(", ")
        )
    }

    /// The rules once more, address by address.
    fn permits(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        match address.octets() {
            [10, 0, 0, host] => {
                (self.start..=self.end).contains(&host)
                    && (1..=62).contains(&host)
                    && host != self.gateway
                    && !self.excluded.contains(&host)
            }
            [10, 0, 1, host] => (2..=14).contains(&host) && host / 4 * 4 != self.excluded_network,
            _ => false,
        }
    }
}

fn layouts() -> impl Strategy<Value = Layout> {
    (
        0_u8..64,
        0_u8..64,
        0_u8..64,
        proptest::collection::vec(0_u8..64, 0..12),
        0_u8..4,
    )
        .prop_map(|(one, other, gateway, excluded, quarter)| Layout {
            start: one.min(other),
            end: one.max(other),
            gateway,
            excluded,
            excluded_network: quarter * 4,
        })
}

#[derive(Debug, Clone)]
enum Act {
    Add(u8),
    Request(u8, Ipv4Addr),
    Delete(u8),
    EndCoolDown,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let wanted = (0_u8..2, 0_u8..64).prop_map(|(third, host)| Ipv4Addr::new(10, 0, third, host));
    let act = prop_oneof![
        6 => (0_u8..40).prop_map(Act::Add),
        3 => (0_u8..40, wanted).prop_map(|(pod, wanted)| Act::Request(pod, wanted)),
        3 => (0_u8..40).prop_map(Act::Delete),
        1 => Just(Act::EndCoolDown),
    ];
    proptest::collection::vec(act, 1..200)
}

proptest! {
    #[test]
    fn no_sequence_hands_out_what_is_taken_or_never_handed_out(layout in layouts(), acts in acts()) {
        let config = layout.config();
        let node = Node::new();
        let capacity = (0..=255_u8)
            .flat_map(|host| [Ipv4Addr::new(10, 0, 0, host), Ipv4Addr::new(10, 0, 1, host)])
            .filter(|address| layout.permits((*address).into()))
            .count();
        let mut held: BTreeMap<u8, IpAddr> = BTreeMap::new();
        for act in acts {
            let (name, request) = match act {
                Act::EndCoolDown => {
                    node.end_cool_down("pods");
                    continue;
                }
                Act::Delete(name) => {
                    node.del::<HostLocal>(&config, &pod(&name.to_string())).unwrap();
                    held.remove(&name);
                    continue;
                }
                Act::Add(name) => (name, None),
                Act::Request(name, wanted) => (name, Some(IpAddr::from(wanted))),
            };
            let mut attachment = pod(&name.to_string());
            if let Some(wanted) = request {
                let wanted = AddressRequest::new(wanted, RequestSource::RuntimeConfig);
                attachment.requested_addresses.push(wanted);
            }
            match add(&node, &config, &attachment) {
                Ok(answer) => {
                    prop_assert_eq!(answer.addresses.len(), 1);
                    let address = answer.addresses[0].address.addr();
                    prop_assert!(layout.permits(address), "{} is not to be handed out", address);
                    prop_assert!(request.is_none_or(|wanted| wanted == address));
                    let others = held.iter().filter(|(holder, _)| **holder != name);
                    prop_assert!(others.map(|(_, held)| held).all(|held| *held != address));
                    let before = held.insert(name, address);
                    prop_assert!(before.is_none_or(|before| before == address));
                }
                Err(Failure::Exhausted(_)) => prop_assert_eq!(held.len(), capacity),
                Err(Failure::Denied(_)) => {
                    let wanted = request.unwrap();
                    let taken = held.values().any(|held| *held == wanted);
                    prop_assert!(taken || !layout.permits(wanted) || held.contains_key(&name));
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
