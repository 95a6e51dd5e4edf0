use std::net::IpAddr;

use serde::Serialize;
use store::{Lease, LeaseState};

use crate::table::{self, Rows};

/// A lease, as `lease list` and `lease release` answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaseView {
    /// Null where only a link tells that the address is in use.
    network: Option<String>,
    /// The hash that stands for the network in the state and in the kernel.
    network_tag: String,
    address: IpAddr,
    /// `pending`, `held`, `cooling` or `quarantined`.
    state: &'static str,
    /// Who holds it, or held it last.
    container_id: Option<String>,
    interface_name: Option<String>,
    /// When it was reserved or quarantined, in seconds since 1970.
    since: u64,
    /// When a cooling address is free, in seconds since 1970.
    free_at: Option<u64>,
    /// Why it is quarantined.
    reason: Option<String>,
}

impl From<Lease> for LeaseView {
    fn from(lease: Lease) -> Self {
        let (state, free_at, reason) = match lease.state {
            LeaseState::Pending => ("pending", None, None),
            LeaseState::Held => ("held", None, None),
            LeaseState::Cooling { until, .. } => ("cooling", Some(until), None),
            LeaseState::Quarantined { evidence } => (
                "quarantined",
                None,
                Some(format!("{}: {}", evidence.link, evidence.reason)),
            ),
        };
        let network_tag = lease.network.to_string();
        let (network, container_id, interface_name) = match lease.attachment {
            Some(holder) => (
                Some(holder.network),
                Some(holder.container_id),
                Some(holder.interface_name),
            ),
            None => (None, None, None),
        };
        Self {
            network,
            network_tag,
            address: lease.address,
            state,
            container_id,
            interface_name,
            since: lease.since,
            free_at,
            reason,
        }
    }
}

/// A table of leases.
pub(super) fn text(leases: &[LeaseView]) -> String {
    let mut rows = Rows::new([
        "NETWORK",
        "ADDRESS",
        "STATE",
        "CONTAINER",
        "INTERFACE",
        "SINCE",
    ]);
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for lease in leases {
        let state = match (&lease.free_at, &lease.reason) {
            (Some(until), _) => format!("cooling until {}", table::time(*until)),
            (None, Some(reason)) => format!("quarantined ({reason})"),
            (None, None) => lease.state.to_owned(),
        };
        rows.push([
            lease
                .network
                .clone()
                .unwrap_or_else(|| format!("#{}", lease.network_tag)),
            lease.address.to_string(),
            state,
            or_dash(&lease.container_id),
            or_dash(&lease.interface_name),
            table::time(lease.since),
        ]);
    }
    rows.render()
}

#[cfg(test)]
mod tests {
    use plan::{Attachment, NetworkTag};
    use store::LinkEvidence;

    use super::*;

    fn lease(state: LeaseState, attachment: Option<Attachment>) -> LeaseView {
        LeaseView::from(Lease {
            network: NetworkTag::of("pods"),
            address: IpAddr::from([10, 1, 0, 2]),
            attachment,
            since: 1_700_000_000,
            state,
        })
    }

    #[test]
    fn fields_of_the_answer_are_stable() {
        let holder = Attachment {
            network: "pods".into(),
            container_id: "c".into(),
            interface_name: "eth0".into(),
        };
        let cooling = LeaseState::Cooling {
            released_at: 1,
            until: 1_700_000_060,
        };
        assert_eq!(
            serde_json::to_value(lease(cooling, Some(holder))).unwrap(),
            serde_json::json!({
                "network": "pods", "networkTag": NetworkTag::of("pods").to_string(),
                "address": "10.1.0.2", "state": "cooling", "containerId": "c",
                "interfaceName": "eth0", "since": 1_700_000_000, "freeAt": 1_700_000_060,
                "reason": null,
            })
        );
    }

    #[test]
    fn a_quarantined_address_says_what_speaks_for_it() {
        let evidence = LinkEvidence {
            kind: None,
            link: "veth1\u{1b}[2J".into(),
            mac: None,
            netns: None,
            reason: "record is lost".into(),
        };
        let text = text(&[lease(LeaseState::Quarantined { evidence }, None)]);
        assert!(
            text.contains("record is lost") && text.contains('#'),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
