mod entries;
mod property;
mod refusals;

use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, FlowDirection, FlowRule, FlowVerdict, PortRange};

use crate::FlowPolicy;

fn amend(config: &str) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "eth0");
    Node::new().amend::<FlowPolicy>(config, &pod, &ProposalState::bridged())
}

/// The rules that one entry of `ingress.allow` makes.
fn rules(entry: &str) -> Vec<FlowRule> {
    let changes = amend(&format!(r#"{{"ingress": {{"allow": [{entry}]}}}}"#)).unwrap();
    changes
        .into_iter()
        .map(|change| match change {
            Change::AddFlow(rule) => rule,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn rule(peer: Option<&str>, protocol: Option<u8>, ports: Option<(u16, u16)>) -> FlowRule {
    FlowRule {
        direction: FlowDirection::Ingress,
        verdict: FlowVerdict::Accept,
        peer: peer.map(|peer| peer.parse().unwrap()),
        protocol,
        ports: ports.map(|(first, last)| PortRange { first, last }),
    }
}
