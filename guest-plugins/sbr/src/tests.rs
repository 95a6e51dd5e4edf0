mod configuration;
mod property;
mod routing;

use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, LinkKind, LinkSide};

use crate::Sbr;

fn amend(node: &Node, config: &str, proposal: &ProposalState) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "net1");
    node.amend::<Sbr>(config, &pod, proposal)
}

/// What is proposed, a line each, as ip(8) writes it.
fn lines(config: &str, proposal: &ProposalState) -> Vec<String> {
    let changes = amend(&Node::new(), config, proposal).unwrap();
    changes.iter().map(line).collect()
}

fn line(change: &Change) -> String {
    match change {
        Change::AddRule(rule) => {
            format!("rule from {} lookup {}", rule.source.unwrap(), rule.table)
        }
        Change::RemoveRoute {
            destination,
            gateway,
            table: None,
        } => match gateway {
            Some(gateway) => format!("del {destination} via {gateway}"),
            None => format!("del {destination}"),
        },
        Change::AddRoute(route) => {
            let mut text = format!("add {}", route.destination);
            if let Some(gateway) = route.gateway {
                text += &format!(" via {gateway}");
            }
            if let Some(priority) = route.priority {
                text += &format!(" metric {priority}");
            }
            if let Some(mtu) = route.mtu {
                text += &format!(" mtu {mtu}");
            }
            if route.scope == Some(253) {
                text += " link";
            }
            text + &format!(" table {}", route.table.unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// No address yet, on a bridge.
fn on_bridge() -> ProposalState {
    ProposalState::new()
        .with_link("br1", LinkSide::Host, LinkKind::Bridge)
        .with_link("veth1", LinkSide::Host, LinkKind::Veth)
        .with_link("net1", LinkSide::Container, LinkKind::Veth)
}

/// No address yet, on a link to the host alone.
fn to_host() -> ProposalState {
    ProposalState::new()
        .with_link("veth1", LinkSide::Host, LinkKind::Veth)
        .with_link("net1", LinkSide::Container, LinkKind::Veth)
}

trait Addressed {
    fn address(self, address: &str, gateway: Option<&str>) -> Self;
    fn route(self, destination: &str, gateway: Option<&str>) -> Self;
}

impl Addressed for ProposalState {
    fn address(self, address: &str, gateway: Option<&str>) -> Self {
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        self.with_address(address.parse().unwrap(), gateway)
    }

    fn route(self, destination: &str, gateway: Option<&str>) -> Self {
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        self.with_route(destination.parse().unwrap(), gateway)
    }
}
