//! Masquerade of networks.
//!
//! ```text
//! table inet wasm-cni {
//!   chain postrouting { type nat hook postrouting priority srcnat; policy accept;
//!     jump masq-<tag>                                                 # one for each network
//!   }
//!   chain masq-<tag> {                                                # the same for IPv6
//!     ip saddr @pods4-<tag> ip daddr @local4-<tag> return
//!     ip saddr @pods4-<tag> ip daddr @exclude4-<tag> return
//!     ip saddr @pods4-<tag> ip daddr 224.0.0.0/4 return
//!     ip saddr @pods4-<tag> masquerade
//!   }
//! }
//! ```
//!
//! An attachment owns elements of `pods…` and nothing else. Names are at most 25 bytes long: kernels before 4.14 take 31.

use std::net::IpAddr;

use ipnet::IpNet;
use plan::{Family, MasqueradeNetwork, MasqueradeSources, Mismatch, NetworkTag};

use super::address_key::{key, number, octets};
use super::batch::Batch;
use super::chain::{BaseChain, Chain};
use super::element::Element;
use super::expression::{Expression, Verdict};
use super::interval::Intervals;
use super::ip_header::{AddressField, address_in, is_family, to_multicast};
use super::rule::Rule;
use super::section::{AddressSet, Section};
use super::set::Set;
use super::table::TableFamily;
use super::{Base, Nft, NftError, verify};

pub(super) const BASE_CHAINS: &[BaseChain] = &[BaseChain {
    family: TableFamily::Inet,
    name: "postrouting",
    kind: "nat",
    hook: libc::NF_INET_POST_ROUTING,
    // srcnat
    priority: libc::NF_IP_PRI_NAT_SRC,
}];

impl Nft {
    /// Makes what is missing of the objects that a network's attachments share. One request if all is there.
    ///
    /// # Errors
    /// What the kernel refuses. Repeating is harmless, whatever happened.
    pub fn ensure_masquerade_network(
        &mut self,
        network: &MasqueradeNetwork,
    ) -> Result<Base, NftError> {
        self.ensure(&section(network))
    }

    /// From now on packets from these sources are masqueraded; sources that are so already stay.
    ///
    /// # Errors
    /// What the kernel refuses; ENOENT if [`Nft::ensure_masquerade_network`] was not called or its work was removed.
    pub fn add_masquerade(&mut self, wanted: &MasqueradeSources) -> Result<(), NftError> {
        let mut batch = Batch::new(None);
        add_sources(&mut batch, wanted.network, &wanted.sources);
        self.connection.commit(batch)
    }

    /// Packets from these sources are masqueraded no more. Tells whether any of them was.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that a source, the network's sets or the table are gone.
    pub fn forget_masquerade(
        &mut self,
        network: NetworkTag,
        sources: &[IpAddr],
    ) -> Result<bool, NftError> {
        let elements: Vec<_> = sources
            .iter()
            .map(|source| element(network, *source))
            .collect();
        self.forget(&elements)
    }

    /// What is not as [`Nft::ensure_masquerade_network`] left it.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_masquerade_network(
        &mut self,
        network: &MasqueradeNetwork,
    ) -> Result<Vec<Mismatch>, NftError> {
        verify::section(&mut self.connection, &section(network))
    }

    /// Which of these sources are not masqueraded.
    ///
    /// # Errors
    /// What the kernel refuses to show.
    pub fn verify_masquerade(
        &mut self,
        wanted: &MasqueradeSources,
    ) -> Result<Vec<Mismatch>, NftError> {
        let mut mismatches = Vec::new();
        for source in &wanted.sources {
            let (set, element) = element(wanted.network, *source);
            let found = verify::element(&mut self.connection, &set, &element, &source.to_string())?;
            mismatches.extend(found);
        }
        Ok(mismatches)
    }
}

/// The network's chain and all that belongs to it.
pub(super) fn section(network: &MasqueradeNetwork) -> Section {
    let tag = network.network;
    let address_set = |family, kind, networks: &[IpNet], grows| AddressSet {
        set: Set {
            intervals: true,
            ..set(family, kind, tag)
        },
        family,
        wanted: Intervals::of(family, networks),
        grows,
    };
    let address_sets: Vec<_> = Family::ALL
        .into_iter()
        .flat_map(|family| {
            [
                address_set(family, "local", &network.subnets, true),
                address_set(family, "exclude", &network.exclude, false),
            ]
        })
        .collect();
    Section {
        base_chains: BASE_CHAINS,
        chain: Chain {
            family: TableFamily::Inet,
            name: format!("masq-{tag}"),
        },
        rules: Family::ALL
            .into_iter()
            .flat_map(|family| rules(family, tag))
            .collect(),
        sets: Family::ALL.map(|family| set(family, "pods", tag)).to_vec(),
        address_sets,
        entries: vec![Vec::new()],
        map_entry: None,
        owner: owner(&network.name),
    }
}

/// Adds sources of a network to the batch.
/// What the mark of a network's chain says.
pub(super) fn owner(network: &str) -> String {
    format!("network {network}")
}

pub(super) fn add_sources(batch: &mut Batch, network: NetworkTag, sources: &[IpAddr]) {
    for family in Family::ALL {
        let elements: Vec<_> = sources
            .iter()
            .filter(|source| Family::of(**source) == family)
            .map(|source| Element::key(octets(*source)))
            .collect();
        batch.add_elements(&set(family, "pods", network), &elements);
    }
}

fn element(network: NetworkTag, source: IpAddr) -> (Set, Element) {
    let set = set(Family::of(source), "pods", network);
    (set, Element::key(octets(source)))
}

fn set(family: Family, kind: &str, tag: NetworkTag) -> Set {
    Set {
        family: TableFamily::Inet,
        name: format!("{kind}{}-{tag}", number(family)),
        key: key(family),
        intervals: false,
        data: None,
    }
}

fn rules(family: Family, tag: NetworkTag) -> [Rule; 4] {
    let source = || {
        let set = set(family, "pods", tag);
        let source = address_in(family, AddressField::Source, &set.name);
        is_family(family).into_iter().chain(source)
    };
    let destination = |kind| {
        let set = set(family, kind, tag);
        address_in(family, AddressField::Destination, &set.name)
    };
    let rule = |comment: &str, rest: Vec<Expression>| Rule {
        comment: format!("{family}: {comment}"),
        expressions: source().chain(rest).collect(),
    };
    let back = |matches: &[Expression]| [matches, &[Expression::Verdict(Verdict::Return)]].concat();
    [
        rule("stays in the network", back(&destination("local"))),
        rule("masqExclude", back(&destination("exclude"))),
        rule("multicast", back(&to_multicast(family))),
        rule("leaves the network", vec![Expression::Masquerade]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    fn network(subnets: &[&str], exclude: &[&str]) -> MasqueradeNetwork {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        MasqueradeNetwork {
            network: NetworkTag::of("pods"),
            name: "pods".into(),
            subnets: parse(subnets),
            exclude: parse(exclude),
        }
    }

    #[test]
    fn names_fit_kernels_that_take_31_bytes() {
        let section = section(&network(&[], &[]));
        let sets = section.address_sets.iter().map(|each| &each.set);
        for name in sets
            .chain(&section.sets)
            .map(|set| &set.name)
            .chain([&section.chain.name])
        {
            assert!(name.len() <= 31, "{name}");
        }
    }

    #[test]
    fn rules_are_told_apart_by_their_comments() {
        let section = section(&network(&[], &[]));
        let comments: std::collections::BTreeSet<_> =
            section.rules.iter().map(|rule| &rule.comment).collect();
        assert_eq!(comments.len(), section.rules.len());
    }

    #[test]
    fn settings_depend_on_addresses_and_not_on_their_order() {
        let settings = |subnets: &[&str], exclude: &[&str]| {
            Settings::of(&section(&network(subnets, exclude)).address_sets)
        };
        let (a, b) = ("10.1.0.0/16", "fd00::/64");
        assert_eq!(settings(&[a, b], &[]), settings(&[b, a, a], &[]));
        let all = [
            settings(&[], &[]),
            settings(&[a], &[]),
            settings(&[], &[a]),
            settings(&[b], &[]),
            settings(&[], &[b]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one));
        }
    }
}
