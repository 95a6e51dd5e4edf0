//! Flow rules of containers.
//!
//! ```text
//! table inet wasm-cni {
//!   chain filter-forward { type filter hook forward priority -10; policy accept; jump flow-egress; jump flow-ingress }
//!   chain filter-input   { type filter hook input priority -10; policy accept; jump flow-egress }
//!   chain filter-output  { type filter hook output priority -10; policy accept; jump flow-ingress }
//!   chain flow-egress {                                                              # flow-ingress is its mirror
//!     ct state established,related return
//!     icmpv6 type 133-136 hop limit 255 return                                       # neighbour discovery on the link
//!     ip saddr & 0.0.0.255 vmap @flow-egress4                                        # { 0.0.0.17 : goto flow-egress4-17 }
//!     ip6 saddr & ::ff vmap @flow-egress6
//!     iif != 0 ip saddr @deny-egress4 drop
//!     iif != 0 ip6 saddr @deny-egress6 drop
//!   }
//!   chain flow-egress4-17 {                                                          # flow-egress6-17 is its like
//!     ip saddr . ip daddr . meta l4proto . th dport @drop-egress4-17 drop
//!     ip saddr . ip daddr . meta l4proto . th dport @accept-egress4-17 return
//!     iif != 0 ip saddr @deny-egress4 drop
//!     th dport >= 0 return                                                           # all that could be looked up
//!     ip saddr @judged-egress4 drop
//!   }
//! }
//! ```
//!
//! What is accepted goes back, to where the base chain jumped, and not out of the base chain: the other side's rules are still to come, and so are the
//! mark, and the chains of others. What the host itself sends came by no interface, so only an explicit drop stops it.
//!
//! Priority -10: after the translation of destinations, so that rules see a container's own address and port, and before
//! the host's own filter, to which the mark speaks.

mod elements;
mod rules;
mod shard;

use std::collections::BTreeMap;
use std::net::IpAddr;

use plan::{FlowSet, Flows, Mismatch};
use shard::Shard;

use super::batch::Batch;
use super::chain::BaseChain;
use super::section::Section;
use super::table::TableFamily;
use super::{Base, Nft, NftError, isolation, verify};

/// filter - 10
const PRIORITY: i32 = libc::NF_IP_PRI_FILTER - 10;

pub(super) const FORWARD: BaseChain = base_chain("filter-forward", libc::NF_INET_FORWARD);
pub(super) const INPUT: BaseChain = base_chain("filter-input", libc::NF_INET_LOCAL_IN);
pub(super) const OUTPUT: BaseChain = base_chain("filter-output", libc::NF_INET_LOCAL_OUT);

const fn base_chain(name: &'static str, hook: libc::c_int) -> BaseChain {
    BaseChain {
        family: TableFamily::Inet,
        name,
        kind: "filter",
        hook,
        priority: PRIORITY,
    }
}

impl Nft {
    /// Makes what is missing of the objects that all flow rules and isolations share. Three requests if all is there. The
    /// chains of containers whose addresses end alike come with the first rules that need them.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_flow_table(&mut self) -> Result<Base, NftError> {
        let mut base = Base::Present;
        for section in table() {
            if self.ensure(&section)? == Base::Created {
                base = Base::Created;
            }
        }
        Ok(base)
    }

    /// From now on these rules hold for packets that begin a flow. Those that hold already stay. Two batches if an address
    /// is the first one that ends so, else one that holds nothing but elements.
    ///
    /// # Errors
    /// Rules that can't be brought into the kernel's form; what the kernel refuses: ENOENT if [`Nft::ensure_flow_table`]
    /// was not called or its work was removed, a [`NftError::FlowOverlap`] if other rules of the same address are there.
    pub fn add_flows(&mut self, flows: &Flows) -> Result<(), NftError> {
        let set = FlowSet::of(flows)?;
        self.ensure_shards(&Shard::all_of(flows, &set))?;
        let mut batch = Batch::new(None);
        for (set, elements) in elements::of(flows, &set) {
            batch.add_elements(&set, &elements);
        }
        self.connection
            .commit(batch)
            .map_err(|error| overlap(error, &flows.addresses))
    }

    /// The rules hold no more. Tells whether any of them did.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that rules, sets or the table are gone.
    pub fn forget_flows(&mut self, flows: &Flows) -> Result<bool, NftError> {
        // What could not be added is not there.
        let Ok(set) = FlowSet::of(flows) else {
            return Ok(false);
        };
        self.forget_groups(&elements::of(flows, &set))
    }

    /// What is not as [`Nft::ensure_flow_table`] and [`Nft::add_flows`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_flows(&mut self, flows: &Flows) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        let set = FlowSet::of(flows)?;
        let shards = Shard::all_of(flows, &set).into_iter().map(Shard::section);
        for section in rules::sections().into_iter().chain(shards) {
            mismatches.extend(verify::section(&mut self.connection, &section)?);
        }
        mismatches.extend(self.verify_groups(&elements::of(flows, &set))?);
        Ok(mismatches)
    }

    /// What is not as [`Nft::ensure_flow_table`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_flow_table(&mut self) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        for section in table() {
            mismatches.extend(verify::section(&mut self.connection, &section)?);
        }
        Ok(mismatches)
    }

    /// Is any of the rules there?
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn has_flows(&mut self, flows: &Flows) -> Result<bool, NftError> {
        let Ok(set) = FlowSet::of(flows) else {
            return Ok(false);
        };
        self.has_any(&elements::of(flows, &set))
    }
}

/// The chains of flow rules and of isolation.
pub(super) fn table() -> [Section; 3] {
    let [ingress, egress] = rules::sections();
    [ingress, egress, isolation::section()]
}

/// The chains that these rules need, each once. Rules that can't be brought into the kernel's form need none.
pub(super) fn shards(flows: &[Flows]) -> Vec<Section> {
    let mut sections = BTreeMap::new();
    for flows in flows {
        let Ok(set) = FlowSet::of(flows) else {
            continue;
        };
        for shard in Shard::all_of(flows, &set) {
            sections
                .entry(shard.name())
                .or_insert_with(|| shard.section());
        }
    }
    sections.into_values().collect()
}

/// Adds the rules to the batch.
pub(super) fn add(batch: &mut Batch, flows: &Flows) -> Result<(), NftError> {
    for (set, elements) in elements::of(flows, &FlowSet::of(flows)?) {
        batch.add_elements(&set, &elements);
    }
    Ok(())
}

/// The kernel's words for ranges that meet are not of much use.
fn overlap(error: NftError, addresses: &[IpAddr]) -> NftError {
    match error.errno() {
        Some(libc::ENOTEMPTY | libc::EEXIST) => NftError::FlowOverlap {
            addresses: addresses.to_vec(),
        },
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_kernels_that_take_31_bytes_and_comments_tell_rules_apart() {
        for section in table() {
            let names = section.sets.iter().map(|set| &set.name);
            for name in names.chain([&section.chain.name]) {
                assert!(name.len() <= 31, "{name}");
            }
            let comments: std::collections::BTreeSet<_> =
                section.rules.iter().map(|rule| &rule.comment).collect();
            assert_eq!(comments.len(), section.rules.len());
        }
    }
}
