//! What passes the host: forwarded ports, rates, flow rules, isolation, masquerade.

use ipnet::IpNet;

use super::settings::Text;
use super::{MAX_FLOW_RULES, MAX_PORT_FORWARDS, Merge, Refusal, StageName, forbidden};
use crate::link::is_interface_name;
use crate::{
    BandwidthLimit, Family, FlowRule, Isolation, LinkSide, PacketCondition, PacketMatch,
    PortForwarding, PortMapping, ProposedLinkKind,
};

/// tc-tbf(8) takes a burst in bytes of 32 bits.
const BITS_OF_BURST: u64 = 8 * (u32::MAX as u64);
const MARK_BITS: u8 = 32;

impl Merge {
    pub(super) fn forward_ports(
        &mut self,
        stage: &StageName,
        forwarding: &PortForwarding,
    ) -> Result<(), Refusal> {
        self.passes_the_host()?;
        if forwarding.mark_bit >= MARK_BITS {
            return forbidden("a packet mark has the bits 0–31");
        }
        forwarding.conditions.iter().try_for_each(condition)?;
        for mapping in &forwarding.mappings {
            self.forward_port(stage, mapping)?;
        }
        Ok(())
    }

    fn forward_port(&mut self, stage: &StageName, mapping: &PortMapping) -> Result<(), Refusal> {
        if mapping.host_port == 0 || mapping.container_port == 0 {
            return forbidden(format!("{mapping}: a port is within 1–65535"));
        }
        if let Some(address) = mapping.host_address
            && !self.has_family(Family::of(address))
        {
            return forbidden(format!(
                "{mapping}: the container has no {} address to forward to",
                Family::of(address)
            ));
        }
        if self.proposal.addressing.addresses.is_empty() {
            return forbidden(format!(
                "{mapping}: the container has no address to forward to"
            ));
        }
        if let Some((earlier, other)) = self.settings.port_owner(mapping) {
            if other == mapping && earlier == stage {
                return Ok(());
            }
            return Err(Refusal::Conflict {
                earlier: earlier.clone(),
                value: other.to_string(),
            });
        }
        if self.proposal.port_forwards.len() >= MAX_PORT_FORWARDS {
            return forbidden(format!(
                "an attachment has at most {MAX_PORT_FORWARDS} ports"
            ));
        }
        self.settings.ports.push((stage.clone(), *mapping));
        self.proposal.port_forwards.push(*mapping);
        Ok(())
    }

    pub(super) fn limit_bandwidth(
        &mut self,
        stage: &StageName,
        limit: BandwidthLimit,
    ) -> Result<(), Refusal> {
        self.passes_the_host()?;
        if limit.rate < 8 || limit.burst < 8 {
            return forbidden("rate and burst are at least one byte, which is 8 bit");
        }
        if limit.burst > BITS_OF_BURST {
            return forbidden("a burst is less than 4 GiB");
        }
        self.settings
            .bandwidth
            .set(stage, limit.direction, Text(limit.to_string()))?;
        if !self.proposal.bandwidth_limits.contains(&limit) {
            self.proposal.bandwidth_limits.push(limit);
        }
        Ok(())
    }

    pub(super) fn add_flow(&mut self, rule: FlowRule) -> Result<(), Refusal> {
        self.passes_the_host()?;
        if let Some(ports) = rule.ports {
            let with_ports = rule
                .protocol
                .is_some_and(|protocol| FlowRule::PROTOCOLS_WITH_PORTS.contains(&protocol));
            if !with_ports {
                return forbidden("only TCP, UDP, DCCP, SCTP and UDP-Lite have ports: name one");
            }
            if ports.first > ports.last {
                return forbidden("the first port is greater than the last");
            }
        }
        if rule.peer.is_some_and(|peer| peer != peer.trunc()) {
            return forbidden("the peer's network has host bits set");
        }
        if self.proposal.flow_rules.len() >= MAX_FLOW_RULES {
            return forbidden(format!(
                "an attachment has at most {MAX_FLOW_RULES} flow rules"
            ));
        }
        if !self.proposal.flow_rules.contains(&rule) {
            self.proposal.flow_rules.push(rule);
        }
        Ok(())
    }

    pub(super) fn isolate(
        &mut self,
        stage: &StageName,
        isolation: Isolation,
    ) -> Result<(), Refusal> {
        self.passes_the_host()?;
        self.settings
            .isolation
            .set(stage, (), Text(isolation.to_string()))
    }

    pub(super) fn masquerade(
        &mut self,
        stage: &StageName,
        exclude: &[IpNet],
    ) -> Result<(), Refusal> {
        self.passes_the_host()?;
        self.settings.masquerade_except(stage, exclude)
    }

    /// A rule that packets never meet would be a pretence.
    pub(super) fn passes_the_host(&self) -> Result<(), Refusal> {
        let by_host = self.proposal.links.iter().any(|link| {
            link.side == LinkSide::Host
                && matches!(link.kind, ProposedLinkKind::Bridge | ProposedLinkKind::Veth)
        });
        if by_host {
            Ok(())
        } else {
            forbidden(
                "the attachment's packets do not pass the host: it needs a bridge or a point-to-point link",
            )
        }
    }

    fn has_family(&self, family: Family) -> bool {
        self.proposal
            .addressing
            .addresses
            .iter()
            .any(|entry| Family::of(entry.address.addr()) == family)
    }
}

fn condition(condition: &PacketCondition) -> Result<(), Refusal> {
    let of_family = |network: &IpNet| {
        let network_family = Family::of(network.addr());
        if network_family == condition.family {
            Ok(())
        } else {
            forbidden(format!(
                "the condition on {network} is not for {}",
                condition.family
            ))
        }
    };
    match &condition.matches {
        PacketMatch::Source(network) | PacketMatch::Destination(network) => of_family(network),
        PacketMatch::InputInterface(name) => {
            let fixed = name.trim_end_matches(['+', '*']);
            if is_interface_name(fixed) {
                Ok(())
            } else {
                forbidden(format!(
                    "the condition names {name:?}, which no interface can have"
                ))
            }
        }
        PacketMatch::Mark { value, mask } if value & !mask != 0 => forbidden(format!(
            "the mark {value:#x} has bits outside its mask {mask:#x}"
        )),
        PacketMatch::Mark { .. } => Ok(()),
    }
}
