//! Live links are found again when the state is lost.

mod attachments;

use std::collections::BTreeSet;

use attachments::namespaces::connect;
use attachments::{Namespace, Pod, tagged};
use kernel::Linux;

#[test]
fn links_of_the_host_and_of_known_namespaces_are_found_by_their_alias() {
    let uplink = r#"{"kind":"macvlan","master":"uplink"}"#;
    let (Some(host), Some(outside), Some(veth), Some(macvlan)) = (
        Namespace::new(),
        Namespace::new(),
        Pod::new(1, r#"{"kind":"bridge"}"#, &[("10.1.0.7/24", None)]),
        Pod::new(2, uplink, &[("10.1.0.8/24", None)]),
    ) else {
        return;
    };
    connect(&host, "uplink", &outside, "port");
    host.ip("link set uplink alias foreign");
    let netns = macvlan.netns();
    let nsid = host.run(|| Linux::host().unwrap().assign_nsid(&netns).unwrap());
    veth.add(&host).unwrap();
    macvlan.add(&host).unwrap();

    let found = tagged(&host);
    assert_eq!(found.len(), 2, "{found:?}");
    let of = |kind: &str| found.iter().find(|link| link.kind == kind).unwrap();
    assert_eq!(of("veth").name, veth.host_interface());
    assert_eq!(of("veth").nsid, None);
    assert_eq!(of("macvlan").name, "eth0");
    assert_eq!(of("macvlan").nsid, Some(nsid));
    assert_eq!(of("macvlan").mac, macvlan.mac());
    for (kind, address) in [("veth", "10.1.0.7"), ("macvlan", "10.1.0.8")] {
        let alias = &of(kind).alias;
        assert_eq!(alias.network, veth.attachment.network_tag());
        assert_eq!(
            alias.addresses,
            [address.parse::<std::net::IpAddr>().unwrap()]
        );
    }
}

#[test]
fn addresses_that_the_alias_has_no_room_for_are_read_from_the_container() {
    let many: Vec<String> = (1..40)
        .map(|n| format!("fd00:1111:2222:3333:4444:5555::{n:x}/64"))
        .collect();
    let many: Vec<(&str, Option<&str>)> = many.iter().map(|each| (each.as_str(), None)).collect();
    let uplink = r#"{"kind":"macvlan","master":"uplink"}"#;
    let (Some(host), Some(outside), Some(veth), Some(mut macvlan)) = (
        Namespace::new(),
        Namespace::new(),
        Pod::new(1, r#"{"kind":"bridge"}"#, &many),
        Pod::new(2, uplink, &many),
    ) else {
        return;
    };
    connect(&host, "uplink", &outside, "port");
    // Detection is not what this is about.
    for step in &mut macvlan.plan.steps {
        if let plan::Step::ContainerAddresses(wanted) = step {
            wanted.duplicate_address_detection = false;
        }
    }
    let netns = macvlan.netns();
    host.run(|| Linux::host().unwrap().assign_nsid(&netns).unwrap());
    veth.add(&host).unwrap();
    macvlan.add(&host).unwrap();
    let expected: BTreeSet<_> = veth
        .plan
        .addressing
        .addresses
        .iter()
        .map(|entry| entry.address.addr())
        .collect();
    let found = tagged(&host);
    assert_eq!(found.len(), 2);
    for link in found {
        assert!(link.alias.complete, "{}", link.kind);
        let addresses: BTreeSet<_> = link.alias.addresses.into_iter().collect();
        assert_eq!(addresses, expected, "{}", link.kind);
    }
}

#[test]
fn links_that_others_made_are_found_with_the_addresses_of_their_containers() {
    let (Some(host), Some(other), Some(ours)) = (
        Namespace::new(),
        Namespace::new(),
        Pod::new(1, r#"{"kind":"bridge"}"#, &[("10.1.0.7/24", None)]),
    ) else {
        return;
    };
    connect(&host, "foreign", &other, "eth0");
    other.ip("addr add 10.1.0.9/24 dev eth0");
    ours.add(&host).unwrap();

    let found = host.run(|| Linux::host().unwrap().untagged_links().unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].name, "foreign");
    assert!(found[0].addresses.contains(&"10.1.0.9".parse().unwrap()));
}
