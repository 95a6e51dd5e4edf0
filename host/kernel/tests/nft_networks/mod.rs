//! Networks that masquerade, as tests want them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::IpAddr;

use kernel::nft::{Base, Firewall, Nft};
use plan::{MasqueradeNetwork, MasqueradeSources, NetworkTag};

use crate::nft_namespaces::Namespace;

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn network(name: &str, subnets: &[&str], exclude: &[&str]) -> MasqueradeNetwork {
    let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    MasqueradeNetwork {
        network: NetworkTag::of(name),
        name: name.into(),
        subnets: parse(subnets),
        exclude: parse(exclude),
    }
}

pub(crate) fn pods() -> MasqueradeNetwork {
    network(
        "pods",
        &["10.1.0.0/16", "10.2.0.0/16", "fd00:1::/64", "fd00:2::/64"],
        &["198.51.100.0/24", "2001:db8:51::/48"],
    )
}

pub(crate) fn sources(network: &MasqueradeNetwork, addresses: &[&str]) -> MasqueradeSources {
    MasqueradeSources {
        network: network.network,
        sources: addresses.iter().map(|text| address(text)).collect(),
    }
}

/// Makes the network complete, as an ADD does.
pub(crate) fn ensure(nft: &mut Nft, network: &MasqueradeNetwork) {
    if nft.ensure_masquerade_network(network).unwrap() == Base::Created {
        let firewall = Firewall {
            masquerade: vec![(network.clone(), vec![])],
            ..Firewall::default()
        };
        nft.restore(&firewall).unwrap();
    }
}

pub(crate) fn open(namespace: &Namespace) -> Nft {
    namespace.run(|| Nft::open().unwrap())
}

/// How many lines of what `nft` lists hold this.
pub(crate) fn lines(namespace: &Namespace, text: &str) -> usize {
    let listed = namespace.nft("list ruleset");
    listed.lines().filter(|line| line.contains(text)).count()
}
