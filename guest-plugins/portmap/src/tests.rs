mod conditions;
mod mappings;
mod settings;

use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, PortMapping, Transport};

use crate::Portmap;

fn amend(node: &Node, config: &str, proposal: &ProposalState) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", "eth0");
    node.amend::<Portmap>(config, &pod, proposal)
}

fn refusal(config: &str) -> String {
    match amend(&Node::new(), config, &dual()) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

/// A container with an address of each family.
fn dual() -> ProposalState {
    ProposalState::bridged().with_address("fd00::2/64".parse().unwrap(), None)
}

fn mapping(transport: Transport, address: Option<&str>, host: u16, container: u16) -> PortMapping {
    PortMapping {
        transport,
        host_address: address.map(|address| address.parse().unwrap()),
        host_port: host,
        container_port: container,
    }
}

/// A configuration with one mapping and these further keys.
fn one_port(keys: &str) -> String {
    format!(
        r#"{{"type": "portmap", {keys} "runtimeConfig": {{"portMappings": [{{"hostPort": 8080, "containerPort": 80}}]}}}}"#
    )
}
