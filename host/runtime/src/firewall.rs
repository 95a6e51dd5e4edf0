//! Putting back what a flush or a firewall's reload took away: the records know all of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kernel::Linux;
use kernel::nft::Firewall;
use plan::{
    Flows, ForwardTag, HostFirewallPass, IsolatedAddresses, MasqueradeNetwork, NetworkTag,
    PortForward, PortForwardChain, SpoofCheck, Step,
};
use store::{Record, Store, UnixSeconds};

use crate::failure::Cause;
use crate::record;

/// Makes our nftables objects with the elements of every attachment on record. A network's settings are those of its
/// newest attachment.
///
/// # Errors
/// When records can't be read, or nftables refuses.
pub(crate) fn restore(store: &Store, kernel: &mut Linux) -> Result<(), Cause> {
    let mut steps = Vec::new();
    record::for_each(store, None, |record| steps.extend(steps_of(record)))?;
    Ok(kernel.restore_firewall(&Wanted::of(steps).firewall())?)
}

/// Rules and their elements, and the switches without which they are of no use.
pub(crate) fn belongs_to_the_firewall(step: &Step) -> bool {
    is_shared(step)
        || matches!(
            step,
            Step::Masquerade(_)
                | Step::SpoofCheck(_)
                | Step::PortForwards(_)
                | Step::Flows(_)
                | Step::Isolation(_)
                | Step::HostFirewallPass(_)
        )
}

/// What the node has once. Doing it again is harmless; some of it is not in our tables, or is empty, so that restoring
/// the elements of all attachments does not bring it back.
pub(crate) fn is_shared(step: &Step) -> bool {
    matches!(
        step,
        Step::Forwarding { .. }
            | Step::MasqueradeNetwork(_)
            | Step::PortForwardChain(_)
            | Step::ConnectionZones {}
            | Step::FlowTable {}
            | Step::RouteLocalnet { .. }
            | Step::BridgeFilter { .. }
            | Step::HostFirewallAccept {}
    )
}

/// A step, and when its attachment was made.
type Dated = (UnixSeconds, Step);

fn steps_of(record: Record) -> impl Iterator<Item = Dated> {
    let steps = record.parts.into_iter().flat_map(|part| part.steps);
    let ours = steps.filter(belongs_to_the_firewall);
    ours.map(move |step| (record.created_at, step))
}

#[derive(Default)]
struct Wanted {
    networks: BTreeMap<NetworkTag, (MasqueradeNetwork, Vec<IpAddr>)>,
    checks: Vec<SpoofCheck>,
    ports: BTreeMap<ForwardTag, (PortForwardChain, Vec<PortForward>)>,
    loopback_guard: bool,
    flows: Vec<Flows>,
    isolated: Vec<IsolatedAddresses>,
    passes: Vec<HostFirewallPass>,
}

impl Wanted {
    /// The steps of one attachment are in the order of its plan.
    fn of(mut steps: Vec<Dated>) -> Self {
        steps.sort_by_key(|(created_at, _)| *created_at);
        let mut wanted = Self::default();
        steps.iter().for_each(|(_, step)| wanted.add(step));
        wanted
    }

    fn firewall(self) -> Firewall {
        Firewall {
            masquerade: self.networks.into_values().collect(),
            spoof_checks: self.checks,
            port_forwards: self.ports.into_values().collect(),
            loopback_guard: self.loopback_guard,
            flows: self.flows,
            isolated: self.isolated,
            passes: self.passes,
        }
    }

    /// A shared step comes before the elements in every plan.
    fn add(&mut self, step: &Step) {
        match step {
            Step::MasqueradeNetwork(newer) => {
                let entry = self.networks.entry(newer.network);
                let (known, _) = entry.or_insert_with(|| (newer.clone(), Vec::new()));
                known.exclude.clone_from(&newer.exclude);
                known.subnets.extend(&newer.subnets);
                known.subnets.sort_unstable();
                known.subnets.dedup();
            }
            Step::Masquerade(sources) => {
                if let Some((_, known)) = self.networks.get_mut(&sources.network) {
                    known.extend(&sources.sources);
                }
            }
            Step::SpoofCheck(check) => self.checks.push(check.clone()),
            Step::PortForwardChain(newer) => {
                let entry = self.ports.entry(newer.tag);
                let (known, _) = entry.or_insert_with(|| (newer.clone(), Vec::new()));
                known.subnets.extend(&newer.subnets);
                known.subnets.sort_unstable();
                known.subnets.dedup();
            }
            Step::PortForwards(wanted) => {
                if let Some((_, known)) = self.ports.get_mut(&wanted.tag) {
                    known.extend(&wanted.forwards);
                }
            }
            Step::RouteLocalnet { .. } => self.loopback_guard = true,
            Step::Flows(flows) => self.flows.push(flows.clone()),
            Step::Isolation(wanted) => self.isolated.push(wanted.clone()),
            Step::HostFirewallPass(wanted) => self.passes.push(wanted.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use plan::{Attachment, MasqueradeSources, PortForwards, SourceNat, Transport};
    use serde_json::Value;
    use store::StagePart;

    use super::*;

    fn record(container: &str, created_at: u64, exclude: &str, source: &str) -> Record {
        let attachment = Attachment {
            network: "pods".into(),
            container_id: container.into(),
            interface_name: "eth0".into(),
        };
        let network = attachment.network_tag();
        let steps = vec![
            Step::MasqueradeNetwork(MasqueradeNetwork {
                network,
                name: "pods".into(),
                subnets: vec!["10.1.0.0/16".parse().unwrap()],
                exclude: vec![exclude.parse().unwrap()],
            }),
            Step::Masquerade(MasqueradeSources {
                network,
                sources: vec![source.parse().unwrap()],
            }),
        ];
        let part = StagePart {
            id: "bridge:0".into(),
            plugin: "bridge".into(),
            steps,
            undo: Vec::new(),
            changes: Vec::new(),
            call: None,
            addressing: None,
            config: Value::Null,
            result: Value::Null,
        };
        let mut record = Record::new(attachment, 1, created_at);
        record.parts.push(part);
        record
    }

    fn wanted(records: Vec<Record>) -> Wanted {
        Wanted::of(records.into_iter().flat_map(steps_of).collect())
    }

    #[test]
    fn a_network_has_all_sources_and_its_newest_settings() {
        let wanted = wanted(vec![
            record("new", 9, "192.168.0.0/16", "10.1.0.3"),
            record("old", 1, "172.16.0.0/12", "10.1.0.2"),
        ]);
        let (network, sources) = wanted.networks.values().next().unwrap();
        assert_eq!(network.exclude, ["192.168.0.0/16".parse().unwrap()]);
        assert_eq!(network.subnets.len(), 1);
        assert_eq!(sources.len(), 2);
    }

    #[test]
    fn a_way_of_forwarding_has_the_ports_and_subnets_of_all() {
        let with_port = |container: &str, created_at, subnet: &str, host_port| {
            let mut record = record(container, created_at, "192.168.0.0/16", "10.1.0.2");
            let tag = ForwardTag::of("pods", SourceNat::Local, 13, &[]);
            let forward = PortForward {
                transport: Transport::Tcp,
                host_address: None,
                host_port,
                target: "10.1.0.2:80".parse().unwrap(),
                zone: None,
            };
            record.parts[0].steps.extend([
                Step::RouteLocalnet {
                    link: "cni0".into(),
                },
                Step::PortForwardChain(PortForwardChain {
                    tag,
                    network: "pods".into(),
                    subnets: vec![subnet.parse().unwrap()],
                    source_nat: SourceNat::Local,
                    mark_bit: 13,
                    conditions: Vec::new(),
                }),
                Step::PortForwards(PortForwards {
                    tag,
                    forwards: vec![forward],
                }),
            ]);
            record
        };
        let none = wanted(vec![record("c", 1, "192.168.0.0/16", "10.1.0.2")]).firewall();
        assert!(!none.loopback_guard && none.port_forwards.is_empty());
        let firewall = wanted(vec![
            with_port("new", 9, "10.2.0.0/16", 81),
            with_port("old", 1, "10.1.0.0/16", 80),
        ])
        .firewall();
        assert!(firewall.loopback_guard);
        assert_eq!(firewall.masquerade.len(), 1);
        let [(chain, forwards)] = &firewall.port_forwards[..] else {
            panic!("{:?}", firewall.port_forwards);
        };
        assert_eq!(chain.subnets.len(), 2);
        // The newest is the last, and counts.
        let ports: Vec<_> = forwards.iter().map(|forward| forward.host_port).collect();
        assert_eq!(ports, [80, 81]);
    }
}
