use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Call, Change, ProposalState};
use crate::{
    BandwidthLimit, Changes, Clock, Dns, FlowDirection, FlowRule, InterfaceAddress, Isolation,
    Level, Link, LinkFlag, Log, MacAddress, Neighbour, PacketCondition, PortMapping, Proposal,
    Route, RoutingRule, Scope, SourceNat, Storage, StorageError, Sysctl,
};

/// The host as a policy plugin sees it during one call.
#[derive(Debug)]
pub struct PolicyCall<'node> {
    call: Call<'node>,
    proposal: ProposalState,
    changes: RefCell<Vec<Change>>,
}

impl<'node> PolicyCall<'node> {
    pub(super) fn new(call: Call<'node>, proposal: ProposalState) -> Self {
        Self {
            call,
            proposal,
            changes: RefCell::default(),
        }
    }

    /// What was proposed in this call so far, in its order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.changes.borrow().clone()
    }

    fn propose(&self, change: Change) {
        self.changes.borrow_mut().push(change);
    }
}

impl Storage for PolicyCall<'_> {
    fn get(&self, scope: Scope, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.call.get(scope, key)
    }

    fn set(&self, scope: Scope, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.call.set(scope, key, value)
    }

    fn delete(&self, scope: Scope, key: &str) -> Result<(), StorageError> {
        self.call.delete(scope, key)
    }

    fn count(&self, scope: Scope, prefix: &str) -> Result<u64, StorageError> {
        self.call.count(scope, prefix)
    }
}

impl Clock for PolicyCall<'_> {
    fn now(&self) -> Duration {
        self.call.now()
    }
}

impl Log for PolicyCall<'_> {
    fn log(&self, level: Level, message: &str) {
        self.call.log(level, message);
    }
}

impl Proposal for PolicyCall<'_> {
    fn addresses(&self) -> Vec<InterfaceAddress> {
        self.proposal.addresses.clone()
    }

    fn routes(&self) -> Vec<Route> {
        self.proposal.routes.clone()
    }

    fn resolver(&self) -> Dns {
        self.proposal.resolver.clone()
    }

    fn mtu(&self) -> Option<u32> {
        self.proposal.mtu
    }

    fn mac(&self) -> Option<MacAddress> {
        self.proposal.mac
    }

    fn links(&self) -> Vec<Link> {
        self.proposal.links.clone()
    }

    fn rules(&self) -> Vec<RoutingRule> {
        self.proposal.rules.clone()
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        self.proposal.neighbours.clone()
    }

    fn sysctls(&self) -> Vec<Sysctl> {
        self.proposal.sysctls.clone()
    }

    fn port_forwards(&self) -> Vec<PortMapping> {
        self.proposal.port_forwards.clone()
    }

    fn bandwidth_limits(&self) -> Vec<BandwidthLimit> {
        self.proposal.bandwidth_limits.clone()
    }

    fn flow_rules(&self) -> Vec<FlowRule> {
        self.proposal.flow_rules.clone()
    }
}

impl Changes for PolicyCall<'_> {
    fn deny(&self, reason: &str) {
        self.propose(Change::Deny(reason.to_owned()));
    }

    fn add_address(&self, address: InterfaceAddress) {
        self.propose(Change::AddAddress(address));
    }

    fn remove_address(&self, address: IpAddr) {
        self.propose(Change::RemoveAddress(address));
    }

    fn add_route(&self, route: Route) {
        self.propose(Change::AddRoute(route));
    }

    fn remove_route(&self, destination: IpNet, gateway: Option<IpAddr>, table: Option<u32>) {
        self.propose(Change::RemoveRoute {
            destination,
            gateway,
            table,
        });
    }

    fn add_rule(&self, rule: RoutingRule) {
        self.propose(Change::AddRule(rule));
    }

    fn add_neighbour(&self, neighbour: Neighbour) {
        self.propose(Change::AddNeighbour(neighbour));
    }

    fn set_mtu(&self, mtu: u32) {
        self.propose(Change::SetMtu(mtu));
    }

    fn set_mac(&self, address: MacAddress) {
        self.propose(Change::SetMac(address));
    }

    fn set_resolver(&self, dns: Dns) {
        self.propose(Change::SetResolver(dns));
    }

    fn set_sysctl(&self, name: &str, value: &str) {
        self.propose(Change::SetSysctl(Sysctl {
            name: name.to_owned(),
            value: value.to_owned(),
        }));
    }

    fn set_link_flag(&self, flag: LinkFlag, on: bool) {
        self.propose(Change::SetLinkFlag(flag, on));
    }

    fn set_transmit_queue_length(&self, packets: u32) {
        self.propose(Change::SetTransmitQueueLength(packets));
    }

    fn forward_ports(
        &self,
        mappings: &[PortMapping],
        source_nat: SourceNat,
        mark_bit: u8,
        conditions: &[PacketCondition],
    ) {
        self.propose(Change::ForwardPorts {
            mappings: mappings.to_vec(),
            source_nat,
            mark_bit,
            conditions: conditions.to_vec(),
        });
    }

    fn limit_bandwidth(&self, limit: BandwidthLimit) {
        self.propose(Change::LimitBandwidth(limit));
    }

    fn add_flow(&self, rule: FlowRule) {
        self.propose(Change::AddFlow(rule));
    }

    fn deny_flows_by_default(&self, direction: FlowDirection) {
        self.propose(Change::DenyFlowsByDefault(direction));
    }

    fn isolate(&self, isolation: Isolation) {
        self.propose(Change::Isolate(isolation));
    }

    fn pass_host_firewall(&self) {
        self.propose(Change::PassHostFirewall);
    }

    fn masquerade(&self, exclude: &[IpNet]) {
        self.propose(Change::Masquerade(exclude.to_vec()));
    }

    fn join_vrf(&self, name: &str, table: Option<u32>) {
        self.propose(Change::JoinVrf {
            name: name.to_owned(),
            table,
        });
    }
}
