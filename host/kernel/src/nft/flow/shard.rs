//! Which sets hold a container's rules.
//!
//! To remove an element of a set of ranges costs the kernel work for every element of the set (`nft_pipapo_remove`,
//! net/netfilter/nft_set_pipapo.c). So the sets are many: the last bits of a container's address tell which ones are its
//! own, and addresses that are given one after the other spread evenly. A chain and its sets are made with the first
//! container that needs them, and stay: they are shared, as all objects are, and there are never more than 1,024 chains.
//!
//! What that costs is memory: each of these sets has lookup tables of its own, which take about 160 KiB for IPv4 and 550 KiB
//! for IPv6 from the first element on (256 rows of at least 32 bytes for each byte of the key), and next to nothing again
//! once the last element is gone.

use std::collections::BTreeSet;

use plan::{Family, FlowDirection, FlowSet, FlowVerdict, Flows};

use super::elements::{DIRECTIONS, verdicts};
use super::rules;
use crate::nft::address_key::{key, number, octets};
use crate::nft::batch::Batch;
use crate::nft::chain::Chain;
use crate::nft::element::Element;
use crate::nft::error::{Object, Operation};
use crate::nft::section::{MapEntry, Section, Standing, current_generation, was_overtaken};
use crate::nft::set::{KeyType, Set};
use crate::nft::table::TableFamily;
use crate::nft::{ATTEMPTS, Nft, NftError};

/// The bits of an address that tell the shard. With fewer of them, a thousand containers make the removal of one's rules
/// several times as costly.
pub(super) const BITS: u8 = 0xff;

/// The chain, and the sets, of the containers whose addresses end with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) family: Family,
    pub(super) direction: FlowDirection,
    /// 0 to [`BITS`].
    pub(super) number: u8,
}

impl Shard {
    /// Where rules of this address are.
    pub(super) fn of(address: std::net::IpAddr, direction: FlowDirection) -> Self {
        let last = octets(address).last().copied().unwrap_or_default();
        Self {
            family: Family::of(address),
            direction,
            number: last & BITS,
        }
    }

    /// Those that a container's rules are in, each once.
    pub(super) fn all_of(flows: &Flows, set: &FlowSet) -> Vec<Self> {
        let mut seen = BTreeSet::new();
        let mut shards = Vec::new();
        for address in &flows.addresses {
            for direction in DIRECTIONS {
                let family = Family::of(*address);
                let mut boxes = [FlowVerdict::Drop, FlowVerdict::Accept]
                    .into_iter()
                    .flat_map(|verdict| set.boxes(family, direction, verdict));
                let shard = Self::of(*address, direction);
                if boxes.next().is_some() && seen.insert(shard.name()) {
                    shards.push(shard);
                }
            }
        }
        shards
    }

    /// `egress4-17`
    pub(super) fn name(self) -> String {
        format!("{}{}-{}", self.direction, number(self.family), self.number)
    }

    /// Its chain with all that belongs to it.
    pub(super) fn section(self) -> Section {
        let name = self.name();
        let chain = Chain {
            family: TableFamily::Inet,
            name: format!("flow-{name}"),
        };
        Section {
            base_chains: &[],
            map_entry: Some(MapEntry {
                map: map(self.family, self.direction),
                element: Element::going_to(low_bits(self.family, self.number), chain.name.clone()),
            }),
            rules: rules::of_shard(self),
            sets: [FlowVerdict::Drop, FlowVerdict::Accept]
                .map(|verdict| verdicts(self, verdict))
                .into(),
            address_sets: Vec::new(),
            entries: Vec::new(),
            owner: format!("{name} rules of all networks"),
            chain,
        }
    }
}

/// Leads from the last bits of an address to the shard's chain. Its keys are addresses whose other bits are 0, which `nft`
/// lists and loads as such.
pub(super) fn map(family: Family, direction: FlowDirection) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("flow-{direction}{}", number(family)),
        key: key(family),
        intervals: false,
        data: Some(KeyType::VERDICT),
    }
}

/// The address that consists of these bits.
pub(super) fn low_bits(family: Family, bits: u8) -> Vec<u8> {
    let mut address = match family {
        Family::Ipv4 => vec![0; 4],
        Family::Ipv6 => vec![0; 16],
    };
    if let Some(last) = address.last_mut() {
        *last = bits;
    }
    address
}

/// The maps of one direction.
pub(super) fn maps(direction: FlowDirection) -> [Set; 2] {
    Family::ALL.map(|family| map(family, direction))
}

impl Nft {
    /// Makes what is missing of the chains that the rules need, in one batch. One request for each if all is there, as it
    /// is from the first container on whose address ends with the same bits.
    pub(super) fn ensure_shards(&mut self, shards: &[Shard]) -> Result<(), NftError> {
        let sections: Vec<_> = shards.iter().map(|shard| shard.section()).collect();
        if self.lacking(&sections)?.is_empty() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            match self.make_shards(&sections) {
                // What comes before the shards is missing, and stays so.
                Err(error) if was_overtaken(&error) && !lacks_map(&error) => {}
                done => return done,
            }
        }
        Err(NftError::Contended {
            object: "chains of flow rules".to_owned(),
            attempts: ATTEMPTS,
        })
    }

    /// The sets of a chain that is damaged are still there, and so are their elements. After a loss of all, those who
    /// made the map tell that elements must be restored.
    fn make_shards(&mut self, sections: &[Section]) -> Result<(), NftError> {
        let generation = current_generation(&mut self.connection)?;
        let lacking = self.lacking(sections)?;
        let replaces = lacking.iter().any(|(_, it)| *it != Standing::Missing);
        let mut batch = Batch::new(replaces.then_some(generation));
        for (section, standing) in lacking {
            section.make(&mut self.connection, &mut batch, standing, false)?;
        }
        self.connection.commit(batch)
    }

    fn lacking<'a>(
        &mut self,
        sections: &'a [Section],
    ) -> Result<Vec<(&'a Section, Standing)>, NftError> {
        let mut lacking = Vec::new();
        for section in sections {
            let standing = section.standing(&mut self.connection)?;
            if !matches!(standing, Standing::Whole { .. }) {
                lacking.push((section, standing));
            }
        }
        Ok(lacking)
    }
}

/// To a set that was there before, only the map's element is added.
fn lacks_map(error: &NftError) -> bool {
    let adds_elements = matches!(
        error,
        NftError::Refused {
            operation: Operation::Add(Object::Elements),
            ..
        }
    );
    adds_elements && error.errno() == Some(libc::ENOENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bits_of_an_address_tell_its_shard() {
        let name = |address: &str, direction| Shard::of(address.parse().unwrap(), direction).name();
        let [ingress, egress] = DIRECTIONS;
        assert_eq!(name("10.1.2.0", ingress), "ingress4-0");
        assert_eq!(name("10.1.2.255", egress), "egress4-255");
        assert_eq!(name("fd00::1:17", egress), "egress6-23");
    }

    #[test]
    fn names_fit_kernels_that_take_31_bytes_and_comments_tell_rules_apart() {
        let shard = Shard::of("ff::ff".parse().unwrap(), FlowDirection::Ingress);
        let section = shard.section();
        let names = section.sets.iter().map(|set| &set.name);
        for name in names.chain([&section.chain.name]) {
            assert!(name.len() <= 31, "{name}");
        }
        let comments: BTreeSet<_> = section.rules.iter().map(|rule| &rule.comment).collect();
        assert_eq!(comments.len(), section.rules.len());
    }
}
