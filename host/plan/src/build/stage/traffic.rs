use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::ChainRequest;
use crate::attachment::hashed_interface_name;
use crate::{
    BandwidthLimit, Change, ConnectionZone, Family, FlowDirection, ForwardTag, HostFirewallPass,
    IfbDevice, IsolatedAddresses, Isolation, LinkAlias, MasqueradeNetwork, MasqueradeSources,
    PortForward, PortForwardChain, PortForwarding, PortForwards, Redirect, SourceNat, Step,
    TokenBucket, Transport,
};

impl ChainRequest<'_> {
    pub(super) fn traffic(&self, change: &Change) -> Vec<Step> {
        match change {
            Change::ForwardPorts(forwarding) => self.port_forwards(forwarding),
            Change::LimitBandwidth(limit) => self.rate(limit),
            Change::Isolate { isolation } => self.isolation(*isolation),
            Change::PassHostFirewall {} => vec![
                Step::FlowTable {},
                Step::HostFirewallAccept {},
                Step::HostFirewallPass(HostFirewallPass {
                    addresses: self.addresses(),
                }),
            ],
            Change::Masquerade { exclude } => self.masquerade(exclude),
            _ => Vec::new(),
        }
    }

    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let addresses = &self.proposal().addressing.addresses;
        addresses.iter().map(|entry| entry.address.addr()).collect()
    }

    /// The link by which the container's network is reached from the host.
    fn network_link(&self) -> Option<String> {
        self.bridge().or_else(|| self.host_end())
    }

    pub(super) fn bridge_filter(&self) -> Option<Step> {
        self.bridge().map(|bridge| Step::BridgeFilter {
            bridge,
            ours: self.bridge_is_ours,
        })
    }

    /// The first address of a family, as the reference plugin portmap has it.
    fn target(&self, family: Family) -> Option<IpAddr> {
        self.addresses()
            .into_iter()
            .find(|address| Family::of(*address) == family)
    }

    fn subnets(&self) -> Vec<IpNet> {
        let addresses = &self.proposal().addressing.addresses;
        let mut subnets = self.subnets.to_vec();
        subnets.extend(addresses.iter().map(|entry| entry.address.trunc()));
        subnets.sort_unstable();
        subnets.dedup();
        subnets
    }

    fn port_forwards(&self, forwarding: &PortForwarding) -> Vec<Step> {
        let forwards = self.forwards(forwarding);
        if forwards.is_empty() {
            return Vec::new();
        }
        let network = &self.attachment.network;
        let tag = ForwardTag::of(
            network,
            forwarding.source_nat,
            forwarding.mark_bit,
            &forwarding.conditions,
        );
        let uses = |family| {
            forwards
                .iter()
                .any(|forward: &PortForward| Family::of(forward.target.ip()) == family)
        };
        let mut steps: Vec<Step> = Family::ALL
            .into_iter()
            .filter(|family| uses(*family))
            .map(|family| Step::Forwarding { family })
            .collect();
        if let Some(link) = self.network_link()
            && forwarding.source_nat != SourceNat::Never
        {
            if uses(Family::Ipv4) {
                steps.push(Step::RouteLocalnet { link });
            }
            if self.bridge().is_some() {
                steps.extend(self.host_end().map(|port| Step::Hairpin { port }));
            }
        }
        steps.push(Step::PortForwardChain(PortForwardChain {
            tag,
            network: network.clone(),
            subnets: self.subnets(),
            source_nat: forwarding.source_nat,
            mark_bit: forwarding.mark_bit,
            conditions: forwarding.conditions.clone(),
        }));
        if forwards.iter().any(|forward| forward.zone.is_some()) {
            steps.push(Step::ConnectionZones {});
        }
        steps.push(Step::PortForwards(PortForwards { tag, forwards }));
        steps
    }

    fn forwards(&self, forwarding: &PortForwarding) -> Vec<PortForward> {
        let own_zone = ConnectionZone::of_group(self.group);
        let mut forwards = Vec::new();
        for mapping in &forwarding.mappings {
            let is_udp = mapping.transport == Transport::Udp;
            for claim in mapping.claims() {
                if let Some(target) = self.target(claim.family) {
                    forwards.push(PortForward {
                        transport: mapping.transport,
                        host_address: claim.address,
                        host_port: mapping.host_port,
                        target: SocketAddr::new(target, mapping.container_port),
                        zone: is_udp.then_some(own_zone),
                    });
                }
            }
        }
        forwards
    }

    fn rate(&self, limit: &BandwidthLimit) -> Vec<Step> {
        let Some(link) = self.host_end() else {
            return Vec::new();
        };
        let bucket = |link: &str| {
            Step::TokenBucket(TokenBucket {
                link: link.to_owned(),
                rate: limit.rate,
                burst: limit.burst,
            })
        };
        match limit.direction {
            // What the container receives, the host's end sends.
            FlowDirection::Ingress => vec![bucket(&link)],
            FlowDirection::Egress => {
                let name = hashed_interface_name("ifb-", self.attachment.key().as_bytes());
                let ifb = IfbDevice {
                    name: name.clone(),
                    mac: self.ifb_mac,
                    mtu: self.proposal().mtu,
                    group: self.group,
                    alias: LinkAlias::new(self.attachment.network_tag(), Vec::new()).to_string(),
                };
                vec![
                    Step::Ifb(ifb),
                    bucket(&name),
                    Step::Redirect(Redirect { link, target: name }),
                ]
            }
        }
    }

    fn isolation(&self, isolation: Isolation) -> Vec<Step> {
        let Some(link) = self.network_link() else {
            return Vec::new();
        };
        let mut steps = vec![Step::FlowTable {}];
        if isolation == Isolation::EveryAttachment && self.bridge().is_some() {
            steps.extend(self.host_end().map(|port| Step::PortIsolation { port }));
        }
        steps.push(Step::Isolation(IsolatedAddresses {
            addresses: self.addresses(),
            link,
            isolation,
        }));
        steps
    }

    fn masquerade(&self, exclude: &[IpNet]) -> Vec<Step> {
        let network = self.attachment.network_tag();
        vec![
            Step::MasqueradeNetwork(MasqueradeNetwork {
                network,
                name: self.attachment.network.clone(),
                subnets: self.subnets(),
                exclude: exclude.to_vec(),
            }),
            Step::Masquerade(MasqueradeSources {
                network,
                sources: self.addresses(),
            }),
        ]
    }
}
