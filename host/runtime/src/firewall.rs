//! Putting back what a flush or a firewall's reload took away: the records know all of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kernel::Linux;
use plan::{MasqueradeNetwork, NetworkTag, SpoofCheck, Step};
use store::Store;

use crate::failure::Cause;

/// Makes our nftables objects with the elements of every attachment on record.
///
/// # Errors
/// When records can't be read, or nftables refuses.
pub(crate) fn restore(store: &Store, kernel: &mut Linux) -> Result<(), Cause> {
    let mut wanted = Wanted::default();
    let mut after = None;
    loop {
        let page = store.records(after)?;
        let steps = page
            .records
            .iter()
            .flat_map(|record| &record.parts)
            .flat_map(|part| &part.steps);
        steps.for_each(|step| wanted.add(step));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let networks: Vec<_> = wanted.networks.into_values().collect();
    Ok(kernel.restore_firewall(&networks, &wanted.checks)?)
}

#[derive(Default)]
struct Wanted {
    networks: BTreeMap<NetworkTag, (MasqueradeNetwork, Vec<IpAddr>)>,
    checks: Vec<SpoofCheck>,
}

impl Wanted {
    /// A network's own step comes before its sources in every plan.
    fn add(&mut self, step: &Step) {
        match step {
            Step::MasqueradeNetwork(network) => {
                let entry = self.networks.entry(network.network);
                let (known, _) = entry.or_insert_with(|| (network.clone(), Vec::new()));
                for subnet in &network.subnets {
                    if !known.subnets.contains(subnet) {
                        known.subnets.push(*subnet);
                    }
                }
            }
            Step::Masquerade(sources) => {
                if let Some((_, known)) = self.networks.get_mut(&sources.network) {
                    known.extend(&sources.sources);
                }
            }
            Step::SpoofCheck(check) => self.checks.push(check.clone()),
            _ => {}
        }
    }
}
