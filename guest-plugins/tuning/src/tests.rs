mod settings;
mod sysctls;

use wasm_cni_guest::testing::{Change, Node, ProposalState};
use wasm_cni_guest::{Attachment, Failure, Sysctl};

use crate::Tuning;

fn amend_as(node: &Node, config: &str, interface: &str) -> Result<Vec<Change>, Failure> {
    let pod = Attachment::new("pods", "a", interface);
    node.amend::<Tuning>(config, &pod, &ProposalState::bridged())
}

fn amend(config: &str) -> Result<Vec<Change>, Failure> {
    amend_as(&Node::new(), config, "eth0")
}

fn refusal(config: &str) -> String {
    match amend(config) {
        Err(Failure::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    }
}

fn sysctl(name: &str, value: &str) -> Change {
    Change::SetSysctl(Sysctl {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}
