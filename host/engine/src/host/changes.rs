//! The interfaces of `changes.wit`: each function appends to the call's buffer.

use plan::{Change, ChangeKind};

use crate::bindings::{
    address, bandwidth, deny, dns, flow, link_flag, mac, masquerade, mtu, neighbour, port_forward,
    route, rule, sysctl, types, vrf,
};
use crate::grants::Grant;
use crate::lift::change as lift;
use crate::outcome::{Malformed, Misuse};
use crate::sandbox::{Breach, CallState};

/// What a call has proposed so far, in its order.
pub(crate) struct ChangeBuffer {
    open: bool,
    limit: u32,
    changes: Vec<Change>,
}

impl ChangeBuffer {
    /// A buffer for at most `limit` changes; one that is not open takes none.
    pub(crate) fn new(open: bool, limit: u32) -> Self {
        Self {
            open,
            limit,
            changes: Vec::new(),
        }
    }

    /// Empties it.
    pub(crate) fn take(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn push(&mut self, change: Change) -> Result<(), Breach> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if self.changes.len() >= limit {
            return Err(Breach::Changes);
        }
        self.changes.push(change);
        Ok(())
    }
}

impl CallState {
    /// `bytes` is what the plugin hands over beyond what fits into a [`Change`] itself.
    fn propose(
        &mut self,
        kind: ChangeKind,
        bytes: usize,
        lift: impl FnOnce() -> Result<Change, Malformed>,
    ) -> wasmtime::Result<()> {
        self.budget
            .charge(bytes.saturating_add(size_of::<Change>()))?;
        if !self.changes.open {
            return Err(Breach::from(Misuse::ChangeOutsideAmend(kind)).into());
        }
        let change = lift().map_err(|source| Breach::Change { kind, source })?;
        self.require(Grant::Change(kind), || change.to_string())?;
        Ok(self.changes.push(change)?)
    }
}

impl deny::Host for CallState {
    fn refuse(&mut self, reason: String) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Deny, reason.len(), || {
            Ok(lift::refusal(&reason))
        })
    }
}

impl address::Host for CallState {
    fn add(&mut self, address: types::InterfaceAddress) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Address, 0, || lift::add_address(address))
    }

    fn remove(&mut self, address: types::IpAddress) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Address, 0, || Ok(lift::remove_address(address)))
    }
}

impl route::Host for CallState {
    fn add(&mut self, route: types::Route) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Route, 0, || lift::add_route(route))
    }

    fn remove(
        &mut self,
        destination: types::IpNetwork,
        gateway: Option<types::IpAddress>,
        table: Option<u32>,
    ) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Route, 0, || {
            lift::remove_route(destination, gateway, table)
        })
    }
}

impl rule::Host for CallState {
    fn add(&mut self, rule: types::RoutingRule) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Rule, 0, || lift::rule(rule))
    }
}

impl neighbour::Host for CallState {
    fn add(&mut self, neighbour: types::Neighbour) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Neighbour, 0, || Ok(lift::neighbour(neighbour)))
    }
}

impl mtu::Host for CallState {
    fn set(&mut self, mtu: u32) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Mtu, 0, || Ok(Change::SetMtu { mtu }))
    }
}

impl mac::Host for CallState {
    fn set(&mut self, address: types::MacAddress) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Mac, 0, || Ok(lift::mac(address)))
    }
}

impl dns::Host for CallState {
    fn set(&mut self, dns: types::Dns) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Dns, crate::lift::dns_size(&dns), || {
            lift::dns(dns)
        })
    }
}

impl sysctl::Host for CallState {
    fn set(&mut self, sysctl: types::Sysctl) -> wasmtime::Result<()> {
        let bytes = sysctl.name.len().saturating_add(sysctl.value.len());
        self.propose(ChangeKind::Sysctl, bytes, || lift::sysctl(sysctl))
    }
}

impl link_flag::Host for CallState {
    fn set(&mut self, flag: types::LinkFlag, on: bool) -> wasmtime::Result<()> {
        self.propose(ChangeKind::LinkFlag, 0, || Ok(lift::link_flag(flag, on)))
    }

    fn set_transmit_queue_length(&mut self, packets: u32) -> wasmtime::Result<()> {
        self.propose(ChangeKind::LinkFlag, 0, || {
            Ok(Change::SetTransmitQueueLength { packets })
        })
    }
}

impl port_forward::Host for CallState {
    fn forward(
        &mut self,
        mappings: Vec<types::PortMapping>,
        source_nat: types::SourceNat,
        mark_bit: u8,
        conditions: Vec<types::PacketCondition>,
    ) -> wasmtime::Result<()> {
        let names = conditions.iter().map(|condition| match &condition.matches {
            types::PacketMatch::InputInterface(name) => name.len(),
            _ => 0,
        });
        let bytes = size_of_val(mappings.as_slice())
            .saturating_add(size_of_val(conditions.as_slice()))
            .saturating_add(names.sum());
        self.propose(ChangeKind::PortForward, bytes, || {
            lift::port_forwarding(mappings, source_nat, mark_bit, conditions)
        })
    }
}

impl bandwidth::Host for CallState {
    fn limit(&mut self, limit: types::BandwidthLimit) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Bandwidth, 0, || {
            Ok(lift::bandwidth_limit(limit))
        })
    }
}

impl flow::Host for CallState {
    fn add(&mut self, rule: types::FlowRule) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Flow, 0, || lift::flow_rule(rule))
    }

    fn deny_by_default(&mut self, direction: types::FlowDirection) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Flow, 0, || Ok(lift::deny_by_default(direction)))
    }

    fn isolate(&mut self, isolation: types::Isolation) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Flow, 0, || Ok(lift::isolate(isolation)))
    }

    fn pass_host_firewall(&mut self) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Flow, 0, || Ok(Change::PassHostFirewall {}))
    }
}

impl masquerade::Host for CallState {
    fn enable(&mut self, exclude: Vec<types::IpNetwork>) -> wasmtime::Result<()> {
        let bytes = size_of_val(exclude.as_slice());
        self.propose(ChangeKind::Masquerade, bytes, || lift::masquerade(exclude))
    }
}

impl vrf::Host for CallState {
    fn join(&mut self, name: String, table: Option<u32>) -> wasmtime::Result<()> {
        self.propose(ChangeKind::Vrf, name.len(), || lift::vrf(name, table))
    }
}
