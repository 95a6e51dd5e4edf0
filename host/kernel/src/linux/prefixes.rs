use std::collections::BTreeMap;

use ipnet::IpNet;
use plan::Family;

use super::Linux;
use crate::KernelError;

/// `RT_TABLE_MAIN`
const MAIN_TABLE: u32 = 254;

/// A prefix that the host's own interfaces and routes use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPrefix {
    /// The prefix; an address keeps its host bits.
    pub prefix: IpNet,
    /// The interface that it is on, or leads out by; empty for a route by none.
    pub interface: String,
    /// `IFLA_INFO_KIND` of the interface; empty for physical devices.
    pub kind: String,
    /// Why the host has it.
    pub origin: PrefixOrigin,
}

/// Why the host has a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixOrigin {
    /// An interface has an address in it.
    Address,
    /// A route of the main table leads to it.
    Route,
}

impl Linux {
    /// The prefixes of the host's addresses and of its main table's routes, default routes left out.
    ///
    /// # Errors
    /// When a table can't be read.
    pub fn prefixes(&self) -> Result<Vec<HostPrefix>, KernelError> {
        let links = self.host.links(None);
        let names: BTreeMap<u32, (String, String)> = links
            .map_err(|refusal| refusal.when("reading the host's links"))?
            .into_iter()
            .map(|link| (link.index, (link.name, link.kind)))
            .collect();
        let prefix = |prefix, index: Option<u32>, origin| {
            let (interface, kind) = index
                .and_then(|index| names.get(&index).cloned())
                .unwrap_or_default();
            HostPrefix {
                prefix,
                interface,
                kind,
                origin,
            }
        };
        let addresses = self.host.all_addresses(None);
        let mut prefixes: Vec<HostPrefix> = addresses
            .map_err(|refusal| refusal.when("reading the host's addresses"))?
            .iter()
            .map(|state| prefix(state.address, Some(state.index), PrefixOrigin::Address))
            .collect();
        for family in [Family::Ipv4, Family::Ipv6] {
            let routes = self.host.routes(family, MAIN_TABLE, None);
            let routes = routes.map_err(|refusal| refusal.when("reading the host's routes"))?;
            let routes = routes
                .iter()
                .filter(|route| route.destination.prefix_len() > 0);
            prefixes.extend(
                routes.map(|route| prefix(route.destination, route.interface, PrefixOrigin::Route)),
            );
        }
        Ok(prefixes)
    }
}
