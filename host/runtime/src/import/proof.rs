use std::net::IpAddr;

use kernel::{RemoteInterface, RemoteInterfaces};
use plan::{LinkKind, NetnsIdentity, Undo, VethTrace};
use store::LinkEvidence;

use super::directory::Holder;

/// What the kernel says of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// One interface has the addresses, and it can be deleted by what is known of it.
    Lives {
        interface: &'a RemoteInterface,
        undo: Undo,
    },
    /// No interface has them.
    Gone,
    /// Perhaps somebody has them.
    Unclear { evidence: LinkEvidence },
}

/// Which interface has the addresses that a holder is said to have.
pub(super) fn prove<'a>(
    found: &'a RemoteInterfaces,
    holder: &Holder,
    addresses: &[IpAddr],
) -> Proof<'a> {
    let named = |interface: &&RemoteInterface| {
        let name = holder.interface_name.as_ref();
        name.is_none_or(|name| name.as_str() == interface.name)
    };
    let has = |interface: &&RemoteInterface| {
        let mut own = interface.addresses.iter().map(ipnet::IpNet::addr);
        own.any(|address| addresses.contains(&address))
    };
    let mut candidates = found.interfaces.iter().filter(has);
    match (candidates.next(), candidates.next()) {
        (Some(interface), None) if named(&interface) => match undo(interface) {
            Some(undo) => Proof::Lives { interface, undo },
            None => Proof::Unclear {
                evidence: evidence(
                    &interface.name,
                    format!(
                        "an interface of another vendor's plugin has it, of kind {:?}, which wasm-cni can't delete",
                        interface.kind
                    ),
                ),
            },
        },
        (Some(interface), None) => Proof::Unclear {
            evidence: evidence(
                &interface.name,
                "host-local gave it to another interface than the one that has it".into(),
            ),
        },
        (Some(interface), Some(_)) => Proof::Unclear {
            evidence: evidence(&interface.name, "several interfaces have it".into()),
        },
        (None, _) => match found.unseen.first() {
            None => Proof::Gone,
            Some(why) => Proof::Unclear {
                evidence: evidence(
                    holder.interface_name.as_ref().map_or("", AsRef::as_ref),
                    format!("not every namespace could be looked into: {why}"),
                ),
            },
        },
    }
}

/// Without an Ethernet address no sweep takes it for proven gone: that is for the operator.
fn evidence(link: &str, reason: String) -> LinkEvidence {
    LinkEvidence {
        link: link.into(),
        mac: None,
        netns: None,
        kind: None,
        reason,
    }
}

fn undo(interface: &RemoteInterface) -> Option<Undo> {
    let kind = LinkKind::of_container(&interface.kind)?;
    match (kind, &interface.host_end) {
        (LinkKind::Veth, Some(end)) => Some(Undo::DeleteHostLink {
            name: end.name.clone(),
            kind,
            mac: end.mac,
            trace: Some(VethTrace {
                index: end.index,
                peer_index: interface.index,
                nsid: interface.nsid,
                peer_name: interface.name.clone(),
                peer_mac: interface.mac?,
            }),
        }),
        // Its other end may be anywhere.
        (LinkKind::Veth, None) => None,
        _ => Some(Undo::DeleteContainerLink {
            netns: NetnsIdentity {
                cookie: 0,
                path: String::new(),
                nsid: Some(interface.nsid),
            },
            name: interface.name.clone(),
            kind,
            mac: interface.mac?,
            alias: None,
            provisional_name: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use kernel::VethHostEnd;
    use plan::MacAddress;

    use super::*;

    const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);

    fn interface(name: &str, kind: &str, address: &str) -> RemoteInterface {
        RemoteInterface {
            nsid: 7,
            index: 2,
            name: name.into(),
            kind: kind.into(),
            mac: Some(MAC),
            addresses: vec![address.parse().unwrap()],
            host_end: (kind == "veth").then(|| VethHostEnd {
                index: 9,
                name: "veth1".into(),
                mac: MAC,
            }),
        }
    }

    fn found(interfaces: &[RemoteInterface]) -> RemoteInterfaces {
        RemoteInterfaces {
            interfaces: interfaces.to_vec(),
            unseen: Vec::new(),
        }
    }

    fn holder(interface: Option<&str>) -> Holder {
        Holder {
            container_id: "c".parse().unwrap(),
            interface_name: interface.map(|name| name.parse().unwrap()),
        }
    }

    fn addresses() -> Vec<IpAddr> {
        vec![IpAddr::from([10, 1, 0, 2])]
    }

    #[test]
    fn a_veth_is_deleted_by_its_end_on_the_host_and_a_macvlan_where_it_is() {
        for kind in ["veth", "macvlan", "ipvlan"] {
            let found = found(&[
                interface("eth0", kind, "10.1.0.2/24"),
                interface("eth0", kind, "10.1.0.3/24"),
            ]);
            let Proof::Lives { undo, .. } = prove(&found, &holder(Some("eth0")), &addresses())
            else {
                panic!("{kind}");
            };
            match undo {
                Undo::DeleteHostLink {
                    name, mac, trace, ..
                } => {
                    assert_eq!((kind, name.as_str(), mac), ("veth", "veth1", MAC));
                    let trace = trace.unwrap();
                    assert_eq!((trace.index, trace.peer_index, trace.nsid), (9, 2, 7));
                }
                Undo::DeleteContainerLink { netns, name, .. } => {
                    assert_ne!(kind, "veth");
                    assert_eq!((netns.nsid, name.as_str()), (Some(7), "eth0"));
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn an_old_file_that_names_no_interface_will_do() {
        let found = found(&[interface("net1", "veth", "10.1.0.2/24")]);
        assert!(matches!(
            prove(&found, &holder(None), &addresses()),
            Proof::Lives { .. }
        ));
    }

    #[test]
    fn what_nobody_has_is_gone_unless_something_was_not_seen() {
        let mut found = found(&[interface("eth0", "veth", "10.1.0.9/24")]);
        let holder = holder(Some("eth0"));
        assert_eq!(prove(&found, &holder, &addresses()), Proof::Gone);
        found.unseen.push("no".into());
        assert!(matches!(
            prove(&found, &holder, &addresses()),
            Proof::Unclear { .. }
        ));
    }

    #[test]
    fn doubt_is_no_proof() {
        let twice = found(&[
            interface("eth0", "veth", "10.1.0.2/24"),
            interface("eth0", "veth", "10.1.0.2/24"),
        ]);
        let renamed = found(&[interface("net1", "veth", "10.1.0.2/24")]);
        let unknown_kind = found(&[interface("eth0", "", "10.1.0.2/24")]);
        for found in [twice, renamed, unknown_kind] {
            let proof = prove(&found, &holder(Some("eth0")), &addresses());
            let Proof::Unclear { evidence } = proof else {
                panic!("{proof:?}");
            };
            // A sweep frees what has one.
            assert_eq!(evidence.mac, None);
        }
    }
}
