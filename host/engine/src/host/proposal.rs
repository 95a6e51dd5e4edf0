use crate::bindings::proposal::Host;
use crate::bindings::types;
use crate::lower::{self, proposal as lower_proposal};
use crate::sandbox::CallState;

impl CallState {
    /// The host allocates what it shows, so that counts as handed over: the list, and the `texts` behind its entries.
    fn shown<T>(&mut self, list: Vec<T>, texts: usize) -> wasmtime::Result<Vec<T>> {
        let bytes = size_of_val(list.as_slice()).saturating_add(texts);
        self.budget.charge(bytes)?;
        Ok(list)
    }
}

impl Host for CallState {
    fn addresses(&mut self) -> wasmtime::Result<Vec<types::InterfaceAddress>> {
        let addresses = &self.proposal.addressing.addresses;
        let list = addresses.iter().map(lower::interface_address).collect();
        self.shown(list, 0)
    }

    fn routes(&mut self) -> wasmtime::Result<Vec<types::Route>> {
        let routes = &self.proposal.addressing.routes;
        let list = routes.iter().map(lower::route).collect();
        self.shown(list, 0)
    }

    fn resolver(&mut self) -> wasmtime::Result<types::Dns> {
        let dns = lower::dns(&self.proposal.addressing.dns);
        self.budget.charge(crate::lift::dns_size(&dns))?;
        Ok(dns)
    }

    fn mtu(&mut self) -> wasmtime::Result<Option<u32>> {
        self.budget.charge(0)?;
        Ok(self.proposal.mtu)
    }

    fn mac(&mut self) -> wasmtime::Result<Option<types::MacAddress>> {
        self.budget.charge(0)?;
        Ok(self.proposal.mac.map(lower_proposal::mac))
    }

    fn links(&mut self) -> wasmtime::Result<Vec<types::Link>> {
        let links = &self.proposal.links;
        let texts = links.iter().map(|link| link.name.len()).sum();
        let list = links.iter().map(lower_proposal::link).collect();
        self.shown(list, texts)
    }

    fn rules(&mut self) -> wasmtime::Result<Vec<types::RoutingRule>> {
        let rules = &self.proposal.rules;
        let list = rules.iter().map(lower_proposal::rule).collect();
        self.shown(list, 0)
    }

    fn neighbours(&mut self) -> wasmtime::Result<Vec<types::Neighbour>> {
        let neighbours = &self.proposal.neighbours;
        let list = neighbours.iter().map(lower_proposal::neighbour).collect();
        self.shown(list, 0)
    }

    fn sysctls(&mut self) -> wasmtime::Result<Vec<types::Sysctl>> {
        let sysctls = &self.proposal.sysctls;
        let texts = sysctls
            .iter()
            .map(|entry| entry.name.len().saturating_add(entry.value.len()));
        let texts = texts.sum();
        let list = sysctls.iter().map(lower_proposal::sysctl).collect();
        self.shown(list, texts)
    }

    fn port_forwards(&mut self) -> wasmtime::Result<Vec<types::PortMapping>> {
        let mappings = &self.proposal.port_forwards;
        let list = mappings.iter().map(lower_proposal::port_mapping).collect();
        self.shown(list, 0)
    }

    fn bandwidth_limits(&mut self) -> wasmtime::Result<Vec<types::BandwidthLimit>> {
        let limits = &self.proposal.bandwidth_limits;
        let list = limits.iter().map(lower_proposal::bandwidth_limit).collect();
        self.shown(list, 0)
    }

    fn flow_rules(&mut self) -> wasmtime::Result<Vec<types::FlowRule>> {
        let rules = &self.proposal.flow_rules;
        let list = rules.iter().map(lower_proposal::flow_rule).collect();
        self.shown(list, 0)
    }
}
