//! Is everything still as it was made (CNI CHECK)?

mod filter;
mod inside;
mod link;
mod network;

pub(super) use network::Elsewhere;
use plan::{Mismatch, Step};

use super::{Linux, forwarding};
use crate::{KernelError, sysctl};

impl Linux {
    pub(super) fn compare(&mut self, step: &Step) -> Result<Vec<Mismatch>, KernelError> {
        match step {
            Step::Bridge(wanted) => self.compare_bridge(wanted),
            Step::VlanGateway(wanted) => self.compare_vlan_gateway(wanted),
            Step::GatewayAddresses(wanted) => self.compare_gateway_addresses(wanted),
            Step::Forwarding { family } => {
                let mut differences = Differences::default();
                let on = sysctl::is(forwarding(*family), "1")?;
                differences.unless(on, format!("{family} forwarding"), "on", "off");
                Ok(differences.found)
            }
            Step::MasqueradeNetwork(wanted) => Ok(self.nft()?.verify_masquerade_network(wanted)?),
            Step::Veth(wanted) => self.compare_veth(wanted),
            Step::Macvlan(wanted) => self.compare_macvlan(wanted),
            Step::Ipvlan(wanted) => self.compare_ipvlan(wanted),
            Step::Vlan(wanted) => self.compare_vlan(wanted),
            Step::HostDevice(wanted) => self.compare_device(wanted),
            Step::Dummy(wanted) => self.compare_dummy(wanted),
            Step::Tap(wanted) => self.compare_tap(wanted),
            Step::Loopback {} => self.compare_loopback(),
            Step::SpoofCheck(wanted) => Ok(self.nft()?.verify_spoof_check(wanted)?),
            Step::ContainerAddresses(wanted) => self.compare_addresses(wanted),
            Step::HostEnd(wanted) => self.compare_host_end(wanted),
            Step::ContainerRoutes(wanted) => self.compare_routes(wanted),
            // Said and done: nothing stays.
            Step::Announce(_) => Ok(Vec::new()),
            Step::Masquerade(wanted) => Ok(self.nft()?.verify_masquerade(wanted)?),
            Step::Ifb(wanted) => self.compare_ifb(wanted),
            Step::TokenBucket(wanted) => self.compare_token_bucket(wanted),
            Step::Redirect(wanted) => self.compare_redirect(wanted),
            Step::Sysctl(wanted) => self.compare_sysctl(wanted),
            Step::LinkSettings(wanted) => self.compare_link_attributes(wanted),
            Step::JoinVrf(wanted) => self.compare_vrf(wanted),
            Step::AmendAddresses(wanted) => self.compare_amended_addresses(wanted),
            Step::AmendRoutes(wanted) => self.compare_amended_routes(wanted),
            Step::RoutingRules(wanted) => self.compare_rules(wanted),
            Step::Neighbours(wanted) => self.compare_neighbours(wanted),
            Step::ConnectionZones {} => Ok(self.nft()?.verify_connection_zones()?),
            Step::PortForwardChain(wanted) => Ok(self.nft()?.verify_port_forward_chain(wanted)?),
            Step::PortForwards(wanted) => Ok(self.nft()?.verify_port_forwards(wanted)?),
            Step::RouteLocalnet { link } => self.compare_route_localnet(link),
            Step::Hairpin { port } => self.compare_hairpin(port),
            Step::FlowTable {} => Ok(self.nft()?.verify_flow_table()?),
            Step::Flows(wanted) => Ok(self.nft()?.verify_flows(wanted)?),
            Step::Isolation(wanted) => Ok(self.nft()?.verify_isolation(wanted)?),
            Step::HostFirewallAccept {} => Ok(self.nft()?.verify_host_firewall_accept()?),
            Step::HostFirewallPass(wanted) => Ok(self.nft()?.verify_host_firewall_pass(wanted)?),
            Step::BridgeFilter { bridge, .. } => self.compare_bridge_filter(bridge),
            Step::PortIsolation { port } => self.compare_port_isolation(port),
        }
    }
}

/// Collects what differs.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) found: Vec<Mismatch>,
}

impl Differences {
    pub(super) fn unless(
        &mut self,
        same: bool,
        object: impl Into<String>,
        expected: impl ToString,
        found: impl ToString,
    ) {
        if !same {
            self.found.push(Mismatch {
                object: object.into(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }

    pub(super) fn equal<T: PartialEq + ToString>(
        &mut self,
        object: impl Into<String>,
        expected: T,
        found: T,
    ) {
        let same = expected == found;
        self.unless(same, object, expected, found);
    }

    pub(super) fn missing(mut self, object: impl Into<String>) -> Vec<Mismatch> {
        self.unless(false, object, "present", "missing");
        self.found
    }
}
