//! Which sets hold a container's rules.
//!
//! What the kernel does to add or remove elements of a set of ranges grows with all elements of the set. So the sets are
//! many: the last bits of a container's address tell which ones are its own, and addresses that are given one after the
//! other spread evenly.

use std::collections::BTreeSet;

use plan::{Family, FlowDirection, FlowSet, FlowVerdict, Flows};

use super::elements::{DIRECTIONS, verdicts};
use super::rules;
use crate::nft::address_key::{FAMILIES, key, number, octets};
use crate::nft::chain::Chain;
use crate::nft::element::Element;
use crate::nft::error::{Object, Operation};
use crate::nft::section::{MapEntry, Section, Standing, was_overtaken};
use crate::nft::set::{KeyType, Set};
use crate::nft::table::TableFamily;
use crate::nft::{ATTEMPTS, Nft, NftError};

/// The bits of an address that tell the shard.
pub(super) const BITS: u8 = 0x3f;

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
    FAMILIES.map(|family| map(family, direction))
}

impl Nft {
    /// Makes what is missing of the chains that the rules need. One request for each if all is there, as it is from the
    /// first container on whose address ends with the same bits.
    pub(super) fn ensure_shards(&mut self, shards: &[Shard]) -> Result<(), NftError> {
        for shard in shards {
            let section = shard.section();
            let standing = section.standing(&mut self.connection)?;
            if !matches!(standing, Standing::Whole { .. }) {
                self.make_shard(&section)?;
            }
        }
        Ok(())
    }

    fn make_shard(&mut self, section: &Section) -> Result<(), NftError> {
        for _ in 0..ATTEMPTS {
            match self.ensure_once(section) {
                // What comes before the shards is missing, and stays so.
                Err(error) if was_overtaken(&error) && !lacks_map(&error) => {}
                done => return done.map(|_| ()),
            }
        }
        Err(NftError::Contended {
            object: section.chain.display(),
            attempts: ATTEMPTS,
        })
    }
}

/// Of a shard only the map's element is added to what must be there before.
fn lacks_map(error: &NftError) -> bool {
    let adds = |operation| operation == Operation::Add(Object::Elements);
    matches!(error, NftError::Refused { operation, .. } if adds(*operation))
        && error.errno() == Some(libc::ENOENT)
}
