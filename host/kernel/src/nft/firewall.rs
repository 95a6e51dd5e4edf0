use std::net::IpAddr;

use plan::{
    Flows, HostFirewallPass, IsolatedAddresses, MasqueradeNetwork, PortForward, PortForwardChain,
    SpoofCheck,
};

use super::NftError;
use super::batch::Batch;
use super::section::Section;
use super::{
    flow, host_firewall_pass, isolation, loopback_guard, masquerade, port_forward, spoof_check,
};

/// All that attachments want of nftables: what [`Nft::restore`](super::Nft::restore) brings back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewall {
    /// Each network once, with the settings of its newest attachment and the sources of all.
    pub masquerade: Vec<(MasqueradeNetwork, Vec<IpAddr>)>,
    /// The checks of all ports.
    pub spoof_checks: Vec<SpoofCheck>,
    /// Each way of forwarding once, with the subnets and the ports of all attachments. Of two that forward the same port
    /// the last one counts.
    pub port_forwards: Vec<(PortForwardChain, Vec<PortForward>)>,
    /// `route_localnet` is on for some link.
    pub loopback_guard: bool,
    /// The flow rules of each container.
    pub flows: Vec<Flows>,
    /// Each container that is kept apart.
    pub isolated: Vec<IsolatedAddresses>,
    /// Each container that passes the host's firewall.
    pub passes: Vec<HostFirewallPass>,
}

impl Firewall {
    /// The shared objects, and of each whether it is wanted where it is missing.
    pub(super) fn sections(&self) -> Vec<(Section, bool)> {
        let mut sections = Vec::new();
        let networks = self.masquerade.iter();
        sections.extend(networks.map(|(network, _)| (masquerade::section(network), true)));
        for (chain, _) in &self.port_forwards {
            let of_chain = port_forward::sections(chain).into_iter();
            sections.extend(of_chain.map(|section| (section, true)));
        }
        // A node gets no table for what nobody wants.
        let mut forwards = self.port_forwards.iter().flat_map(|(_, forwards)| forwards);
        let has_zones = forwards.any(|forward| forward.zone.is_some());
        sections.push((port_forward::zones(), has_zones));
        sections.push((loopback_guard::section(), self.loopback_guard));
        sections.push((spoof_check::section(), !self.spoof_checks.is_empty()));
        let filters = !self.flows.is_empty() || !self.isolated.is_empty();
        sections.extend(flow::table().into_iter().map(|section| (section, filters)));
        sections.extend(
            flow::shards(&self.flows)
                .into_iter()
                .map(|section| (section, true)),
        );
        sections.push((host_firewall_pass::section(), !self.passes.is_empty()));
        sections
    }

    /// Adds the elements of all attachments to the batch.
    pub(super) fn add_elements(&self, batch: &mut Batch) -> Result<(), NftError> {
        for (network, sources) in &self.masquerade {
            masquerade::add_sources(batch, network.network, sources);
        }
        spoof_check::add_checks(batch, &self.spoof_checks)?;
        for flows in &self.flows {
            flow::add(batch, flows)?;
        }
        for wanted in &self.isolated {
            isolation::add(batch, wanted)?;
        }
        for wanted in &self.passes {
            host_firewall_pass::add(batch, wanted);
        }
        Ok(())
    }
}
