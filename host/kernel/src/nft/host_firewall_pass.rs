//! Containers whose packets get our mark.
//!
//! ```text
//! chain host-firewall-pass {                       # from filter-forward
//!   ip saddr @pass4 meta mark set meta mark | 0x1000
//!   ip daddr @pass4 meta mark set meta mark | 0x1000      # both for IPv6 too
//! }
//! ```
//!
//! A packet that a rule of another chain of ours drops may have the mark as well: it is gone.

use std::net::IpAddr;

use plan::{Family, HostFirewallPass, Mismatch};

use super::address_key::{key, number, octets};
use super::batch::Batch;
use super::chain::{BaseChain, Chain};
use super::element::Element;
use super::element_groups::Groups;
use super::expression::{Expression, Meta, Register};
use super::flow::FORWARD;
use super::host_firewall::FIREWALL_MARK;
use super::ip_header::{AddressField, address_in, is_family};
use super::rule::Rule;
use super::section::Section;
use super::set::Set;
use super::table::TableFamily;
use super::{Nft, NftError};

const BASE_CHAINS: &[BaseChain] = &[FORWARD];

impl Nft {
    /// From now on what these addresses send and receive through the host has our mark.
    ///
    /// # Errors
    /// What the kernel refuses; ENOENT if [`Nft::ensure_host_firewall_accept`] was not called or its work was removed.
    pub fn add_host_firewall_pass(&mut self, wanted: &HostFirewallPass) -> Result<(), NftError> {
        let mut batch = Batch::new(None);
        add(&mut batch, wanted);
        self.connection.commit(batch)
    }

    /// The addresses' packets get no mark any more. Tells whether any did.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that elements, sets or the table are gone.
    pub fn forget_host_firewall_pass(
        &mut self,
        wanted: &HostFirewallPass,
    ) -> Result<bool, NftError> {
        self.forget_groups(&elements(&wanted.addresses))
    }

    /// What is not as [`Nft::add_host_firewall_pass`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_host_firewall_pass(
        &mut self,
        wanted: &HostFirewallPass,
    ) -> Result<Vec<Mismatch>, NftError> {
        self.verify_groups(&elements(&wanted.addresses))
    }

    /// Does any of the addresses get our mark?
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn has_host_firewall_pass(&mut self, wanted: &HostFirewallPass) -> Result<bool, NftError> {
        self.has_any(&elements(&wanted.addresses))
    }
}

/// The chain and all that belongs to it.
pub(super) fn section() -> Section {
    Section {
        base_chains: BASE_CHAINS,
        chain: Chain {
            family: TableFamily::Inet,
            name: "host-firewall-pass".to_owned(),
        },
        rules: Family::ALL.into_iter().flat_map(rules).collect(),
        sets: Family::ALL.map(set).to_vec(),
        address_sets: Vec::new(),
        entries: vec![Vec::new()],
        map_entry: None,
        owner: "passage through the host's firewall".to_owned(),
    }
}

fn rules(family: Family) -> [Rule; 2] {
    let register = Register::First;
    let marks = |field, comment: &str| {
        let mut expressions = is_family(family).to_vec();
        expressions.extend(address_in(family, field, &set(family).name));
        expressions.extend([
            Expression::Meta {
                meta: Meta::Mark,
                into: register,
            },
            Expression::SetBits {
                register,
                bits: FIREWALL_MARK.to_ne_bytes().to_vec(),
            },
            Expression::SetMark { register },
        ]);
        Rule {
            comment: format!("{family}: {comment}"),
            expressions,
        }
    };
    [
        marks(AddressField::Source, "sent"),
        marks(AddressField::Destination, "received"),
    ]
}

/// Adds a container to the batch.
pub(super) fn add(batch: &mut Batch, wanted: &HostFirewallPass) {
    for (set, elements) in elements(&wanted.addresses) {
        batch.add_elements(&set, &elements);
    }
}

fn elements(addresses: &[IpAddr]) -> Groups {
    let of_family = |family| {
        let addresses = addresses.iter().copied();
        let addresses = addresses.filter(move |each| Family::of(*each) == family);
        addresses.map(|each| Element::key(octets(each))).collect()
    };
    let mut groups: Groups = Family::ALL
        .map(|family| (set(family), of_family(family)))
        .to_vec();
    groups.retain(|(_, elements)| !elements.is_empty());
    groups
}

fn set(family: Family) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("pass{}", number(family)),
        key: key(family),
        intervals: false,
        data: None,
    }
}
