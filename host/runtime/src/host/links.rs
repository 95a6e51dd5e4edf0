use kernel::Linux;
use plan::{
    Addressing, Attachment, BridgeDevice, Identity, InterfaceAddress, Link, LinkRequest,
    MacAddress, Step,
};
use serde_json::{Value, json};

use super::features::{Feature, attempt};

/// The bridge that later probes find.
pub(super) const BRIDGE: &str = "probe0";

/// What each probe makes: the feature's name, the kind of link and its keys. Each has a bridge of its own below it, since
/// one interface can't carry links of several kinds.
fn probes() -> [(&'static str, &'static str, Value); 10] {
    [
        (
            "link bridge",
            "bridge",
            json!({"bridge": BRIDGE, "isDefaultGateway": true}),
        ),
        ("link ptp", "ptp", json!({})),
        ("link macvlan", "macvlan", json!({"master": "probe2"})),
        ("link ipvlan", "ipvlan", json!({"master": "probe3"})),
        (
            "link vlan",
            "vlan",
            json!({"master": "probe4", "vlanId": 5}),
        ),
        ("link dummy", "dummy", json!({})),
        ("link tap", "tap", json!({})),
        ("key vlan", "bridge", json!({"bridge": "probe7", "vlan": 5})),
        (
            "key macspoofchk",
            "bridge",
            json!({"bridge": "probe8", "macspoofchk": true}),
        ),
        (
            "key ipMasq",
            "bridge",
            json!({"bridge": "probe9", "isGateway": true, "ipMasq": true}),
        ),
    ]
}

/// Makes one link of each kind.
pub(super) fn probe(kernel: &mut Linux) -> Vec<Feature> {
    probes()
        .into_iter()
        .zip(0_u8..)
        .map(
            |((name, kind, keys), number)| match steps(kind, keys, number) {
                Ok(steps) => attempt(name, kernel, &steps),
                Err(problem) => Feature {
                    name,
                    problem: Some(problem),
                },
            },
        )
        .collect()
}

/// The attachment of a probe.
pub(super) fn attachment(number: u8) -> Attachment {
    Attachment {
        network: "probe".into(),
        container_id: format!("probe{number}"),
        interface_name: format!("eth{number}"),
    }
}

fn steps(kind: &str, keys: Value, number: u8) -> Result<Vec<Step>, String> {
    let link = Link::read(kind, keys).map_err(|error| error.to_string())?;
    let attachment = attachment(number);
    let below = matches!(link, Link::Macvlan(_) | Link::Ipvlan(_) | Link::Vlan(_));
    let mut addressing = addressing(number);
    if below {
        // Nothing is behind the bridge, so duplicate address detection would not end.
        addressing.addresses.truncate(1);
    }
    let addressing = plan::complete(&link, &addressing);
    let mac = |end: u8| MacAddress([2, 0, 0, 0, end, number]);
    let subnets: Vec<_> = addressing
        .addresses
        .iter()
        .map(|entry| entry.address.trunc())
        .collect();
    let plan = plan::build(&LinkRequest {
        attachment: &attachment,
        link: &link,
        addressing: &addressing,
        mtu: None,
        device: None,
        subnets: &subnets,
        identity: Identity {
            // An ipvlan has that of the interface below.
            container_mac: mac(if kind == "ipvlan" { 4 } else { 1 }),
            host_mac: mac(2),
            bridge_mac: mac(3),
            group: u32::from(number) + 1,
        },
    })
    .map_err(|problems| problems.join("; "))?;
    let master = below.then(|| {
        Step::Bridge(BridgeDevice {
            name: format!("probe{number}"),
            mac: mac(4),
            mtu: None,
            vlan_filtering: false,
            promiscuous: false,
            mcast_snooping: false,
            alias: String::new(),
        })
    });
    Ok(master.into_iter().chain(plan.steps).collect())
}

/// Of both families; the ranges are for benchmarks and documentation (RFC 2544, RFC 3849), and on no wire here.
fn addressing(number: u8) -> Addressing {
    let entry = |(subnet, length): (String, u8)| {
        Some(InterfaceAddress {
            address: format!("{subnet}2/{length}").parse().ok()?,
            gateway: Some(format!("{subnet}1").parse().ok()?),
        })
    };
    let subnets = [
        (format!("198.18.{number}."), 24),
        (format!("2001:db8:{number:x}::"), 64),
    ];
    Addressing {
        addresses: subnets.into_iter().filter_map(entry).collect(),
        ..Addressing::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_makes_a_link_with_addresses() {
        for ((name, kind, keys), number) in probes().into_iter().zip(0..) {
            let steps = steps(kind, keys, number).unwrap();
            let addresses = steps.iter().find_map(|step| match step {
                Step::ContainerAddresses(wanted) => Some(wanted.addresses.len()),
                _ => None,
            });
            let both = !matches!(kind, "macvlan" | "ipvlan" | "vlan");
            assert_eq!(addresses, Some(if both { 2 } else { 1 }), "{name}");
        }
    }
}
