//! Containers of different networks are kept apart.
//!
//! ```text
//! chain isolation {                                    # from filter-forward
//!   ct state established,related return
//!   ip daddr . iifname @own-link4 ip saddr . iifname @own-link4 return     # both of one network
//!   ip saddr @isolated4 ip daddr @isolated4 drop       # the same for IPv6
//! }
//! ```
//!
//! As with the reference plugins' `ingressPolicy` containers reach each other through their own bridge, and everything
//! else of the host and outside of it. One that is kept from every other has no element in `own-link…`.

use std::net::IpAddr;

use plan::{Family, IsolatedAddresses, Isolation, Mismatch};

use super::address_key::{key, number, octets, words};
use super::batch::Batch;
use super::chain::{BaseChain, Chain};
use super::connection_state::established_or_related;
use super::element::Element;
use super::element_groups::Groups;
use super::expression::{Expression, Meta, Register, Verdict};
use super::flow::FORWARD;
use super::interface_name::interface_key;
use super::ip_header::{AddressField, address_in, is_family, load};
use super::rule::Rule;
use super::section::Section;
use super::set::{KeyType, Set};
use super::table::TableFamily;
use super::{Nft, NftError, verify};

const BASE_CHAINS: &[BaseChain] = &[FORWARD];

impl Nft {
    /// From now on the container is isolated; if it is so already, it stays.
    ///
    /// # Errors
    /// What the kernel refuses; ENOENT if [`Nft::ensure_flow_table`] was not called or its work was removed.
    pub fn add_isolation(&mut self, wanted: &IsolatedAddresses) -> Result<(), NftError> {
        let mut batch = Batch::new(None);
        add(&mut batch, wanted)?;
        self.connection.commit(batch)
    }

    /// The container is isolated no more. Tells whether it was.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that elements, sets or the table are gone.
    pub fn forget_isolation(&mut self, wanted: &IsolatedAddresses) -> Result<bool, NftError> {
        // What could not be added is not there.
        let Ok(groups) = elements(wanted) else {
            return Ok(false);
        };
        self.forget_groups(&groups)
    }

    /// What is not as [`Nft::ensure_flow_table`] and [`Nft::add_isolation`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_isolation(
        &mut self,
        wanted: &IsolatedAddresses,
    ) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = verify::section(&mut self.connection, &section())?;
        mismatches.extend(self.verify_groups(&elements(wanted)?)?);
        Ok(mismatches)
    }

    /// Is any of it there?
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn has_isolation(&mut self, wanted: &IsolatedAddresses) -> Result<bool, NftError> {
        let Ok(groups) = elements(wanted) else {
            return Ok(false);
        };
        self.has_any(&groups)
    }
}

/// The chain and all that belongs to it.
pub(super) fn section() -> Section {
    let established = Rule {
        comment: "goes on".to_owned(),
        expressions: [
            established_or_related(),
            vec![Expression::Verdict(Verdict::Return)],
        ]
        .concat(),
    };
    Section {
        base_chains: BASE_CHAINS,
        chain: Chain {
            family: TableFamily::Inet,
            name: "isolation".to_owned(),
        },
        rules: [established]
            .into_iter()
            .chain(Family::ALL.into_iter().flat_map(rules))
            .collect(),
        sets: Family::ALL
            .into_iter()
            .flat_map(|family| [isolated(family), own_link(family)])
            .collect(),
        address_sets: Vec::new(),
        entries: vec![Vec::new()],
        map_entry: None,
        owner: "isolation of all networks".to_owned(),
    }
}

fn rules(family: Family) -> [Rule; 2] {
    let mut own = is_family(family).to_vec();
    // Both: who is kept from every other reaches none that is not.
    for field in [AddressField::Destination, AddressField::Source] {
        own.extend([
            load(family, field, Register::Word(0)),
            Expression::Meta {
                meta: Meta::InputInterfaceName,
                into: Register::Word(words(family)),
            },
            Expression::Lookup {
                register: Register::Word(0),
                set: own_link(family).name,
                negated: false,
            },
        ]);
    }
    own.push(Expression::Verdict(Verdict::Return));
    let mut apart = is_family(family).to_vec();
    for field in [AddressField::Source, AddressField::Destination] {
        apart.extend(address_in(family, field, &isolated(family).name));
    }
    apart.push(Expression::Verdict(Verdict::Drop));
    [
        Rule {
            comment: format!("{family}: own network"),
            expressions: own,
        },
        Rule {
            comment: format!("{family}: kept apart"),
            expressions: apart,
        },
    ]
}

/// Adds an isolation to the batch.
pub(super) fn add(batch: &mut Batch, wanted: &IsolatedAddresses) -> Result<(), NftError> {
    for (set, elements) in elements(wanted)? {
        batch.add_elements(&set, &elements);
    }
    Ok(())
}

fn elements(wanted: &IsolatedAddresses) -> Result<Groups, NftError> {
    let link = interface_key(&wanted.link)?;
    let mut groups = Vec::new();
    for family in Family::ALL {
        let addresses = wanted.addresses.iter().copied();
        let addresses: Vec<IpAddr> = addresses
            .filter(|each| Family::of(*each) == family)
            .collect();
        if addresses.is_empty() {
            continue;
        }
        let keys = addresses.iter().map(|each| Element::key(octets(*each)));
        groups.push((isolated(family), keys.collect()));
        if wanted.isolation == Isolation::OtherNetworks {
            let pairs = addresses
                .iter()
                .map(|each| Element::key([&octets(*each)[..], &link].concat()));
            groups.push((own_link(family), pairs.collect()));
        }
    }
    Ok(groups)
}

fn isolated(family: Family) -> Set {
    set("isolated", family, key(family))
}

fn own_link(family: Family) -> Set {
    set(
        "own-link",
        family,
        key(family).then(KeyType::INTERFACE_NAME),
    )
}

fn set(name: &str, family: Family, key: KeyType) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("{name}{}", number(family)),
        key,
        intervals: false,
        data: None,
    }
}
