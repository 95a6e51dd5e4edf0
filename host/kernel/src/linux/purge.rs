use plan::{LinkAlias, NetworkTag};
use rtnetlink::LinkUnspec;

use super::Linux;
use super::bridge::BRIDGE;
use crate::KernelError;
use crate::netlink::LinkState;

/// What a purge took away of a network's shared objects, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purged {
    /// What was there and is gone.
    pub removed: Vec<String>,
    /// What was left, with the reason.
    pub kept: Vec<String>,
}

impl Linux {
    /// Removes what belongs to a network and to no attachment: its nftables chains, and the bridges that were made for it,
    /// with their addresses. A bridge is left where it has ports other than a VLAN gateway's. What others made, and
    /// forwarding, are never touched.
    ///
    /// No call may add an attachment meanwhile.
    ///
    /// # Errors
    /// What the kernel refused; a repeat goes on.
    pub fn purge_network(&mut self, network: &str) -> Result<Purged, KernelError> {
        let mut purged = Purged {
            removed: self.nft()?.purge_network(network)?,
            kept: Vec::new(),
        };
        let links = self
            .host
            .links(None)
            .map_err(|refusal| refusal.when("reading the host's links"))?;
        let tag = NetworkTag::of(network);
        for bridge in links.iter().filter(|link| is_bridge_of(link, tag)) {
            let ports: Vec<&LinkState> = links
                .iter()
                .filter(|link| link.controller == Some(bridge.index))
                .collect();
            let (gateways, others): (Vec<&LinkState>, Vec<_>) = ports
                .into_iter()
                .partition(|port| is_vlan_gateway(port, bridge, &links));
            if !others.is_empty() {
                let names: Vec<_> = others.iter().map(|port| port.name.as_str()).collect();
                let name = &bridge.name;
                let ports = names.join(", ");
                purged
                    .kept
                    .push(format!("bridge {name}: it has ports: {ports}"));
                continue;
            }
            for link in gateways.into_iter().chain([bridge]) {
                let message = LinkUnspec::new_with_index(link.index).build();
                let what = link.description();
                self.host
                    .delete_link(message)
                    .map_err(|refusal| refusal.when(format!("deleting {what}")))?;
                purged.removed.push(what);
            }
        }
        Ok(purged)
    }
}

fn is_bridge_of(link: &LinkState, network: NetworkTag) -> bool {
    let alias = link.alias.as_deref().and_then(|text| text.parse().ok());
    link.kind == BRIDGE && alias.is_some_and(|alias: LinkAlias| alias.network == network)
}

/// The port's other end is the host's own `<bridge>.<vlan>`.
fn is_vlan_gateway(port: &LinkState, bridge: &LinkState, links: &[LinkState]) -> bool {
    let peer = links
        .iter()
        .find(|link| port.lower_nsid.is_none() && Some(link.index) == port.lower);
    port.kind == "veth"
        && peer
            .and_then(|peer| peer.name.strip_prefix(&bridge.name)?.strip_prefix('.'))
            .is_some_and(|vlan| vlan.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, kind: &str) -> LinkState {
        LinkState {
            index,
            name: name.into(),
            kind: kind.into(),
            ..LinkState::default()
        }
    }

    #[test]
    fn only_bridges_with_the_networks_alias_are_its_own() {
        let tag = NetworkTag::of("pods");
        let with = |kind: &str, alias: Option<String>| LinkState {
            alias,
            ..link(1, "cni0", kind)
        };
        let ours = |network| Some(LinkAlias::new(NetworkTag::of(network), []).to_string());
        assert!(is_bridge_of(&with(BRIDGE, ours("pods")), tag));
        assert!(!is_bridge_of(&with(BRIDGE, ours("other")), tag));
        assert!(!is_bridge_of(&with(BRIDGE, None), tag));
        assert!(!is_bridge_of(&with("veth", ours("pods")), tag));
    }

    #[test]
    fn a_vlan_gateway_is_known_by_its_other_end() {
        let bridge = link(1, "cni0", BRIDGE);
        let port = |lower, lower_nsid| LinkState {
            lower: Some(lower),
            lower_nsid,
            ..link(9, "vlgw", "veth")
        };
        let links = [link(2, "cni0.7", "veth"), link(3, "cni0x7", "veth")];
        assert!(is_vlan_gateway(&port(2, None), &bridge, &links));
        assert!(!is_vlan_gateway(&port(3, None), &bridge, &links));
        // The same number, in a container's namespace.
        assert!(!is_vlan_gateway(&port(2, Some(0)), &bridge, &links));
    }
}
