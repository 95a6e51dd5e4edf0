//! A policy plugin that asks for whatever its configuration says: `{"wants": ["mtu", …], "sysctl": {…}}`. It keeps a note
//! of each attachment in its storage if it is told to.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::Deserialize;
use wasm_cni_guest::{
    Attachment, BandwidthLimit, Dns, Failure, FlowDirection, InterfaceAddress, LinkFlag,
    MacAddress, Neighbour, Policy, PolicyHost, Route, config,
};

/// The plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demanding {
    #[serde(default)]
    wants: Vec<String>,
    #[serde(default)]
    sysctl: BTreeMap<String, String>,
}

/// A router beyond every range that the tests use.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);

impl Policy for Demanding {
    fn configure(text: &str) -> Result<Self, Failure> {
        config::parse_stage(text)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        for (name, value) in &self.sysctl {
            host.set_sysctl(name, value);
        }
        self.wants.iter().try_for_each(|want| ask(want, host))
    }

    fn release(&self, _: &Attachment, _: &impl PolicyHost) -> Result<(), Failure> {
        if self.wants.iter().any(|want| want == "no-release") {
            return Err(Failure::Other("release is refused".into()));
        }
        Ok(())
    }
}

fn ask(want: &str, host: &impl PolicyHost) -> Result<(), Failure> {
    match want {
        "deny" => host.deny("not on a \u{1b}[31mMonday\u{202e}"),
        "address" => host.add_address(InterfaceAddress {
            address: network(ELSEWHERE.into(), 24)?,
            gateway: None,
        }),
        "route" => host.add_route(Route {
            destination: network(Ipv4Addr::new(172, 31, 0, 0).into(), 16)?,
            gateway: None,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
        }),
        "neighbour" => host.add_neighbour(Neighbour {
            address: Ipv4Addr::new(10, 1, 0, 77).into(),
            mac: MacAddress([2, 0, 0x5e, 0x10, 0, 7]),
        }),
        "mtu" => host.set_mtu(1300),
        "mac" => host.set_mac(MacAddress([2, 0, 0x5e, 0x10, 0, 8])),
        "dns" => host.set_resolver(Dns {
            nameservers: vec![ELSEWHERE.to_string()],
            ..Dns::default()
        }),
        "link-flag" => host.set_link_flag(LinkFlag::Promiscuous, true),
        "bandwidth" => host.limit_bandwidth(BandwidthLimit {
            direction: FlowDirection::Ingress,
            rate: 8_000_000,
            burst: 800_000,
        }),
        "flow" => host.deny_flows_by_default(FlowDirection::Ingress),
        "masquerade" => host.masquerade(&[]),
        "vrf" => host.join_vrf("red", None),
        "loop" => loop {
            black_box(());
        },
        "trap" => panic_now(),
        "later" => return Err(Failure::RetryLater("not before tea".into())),
        "no-release" => {}
        other => return Err(Failure::InvalidConfig(format!("wants: no {other:?}"))),
    }
    Ok(())
}

fn network(address: IpAddr, length: u8) -> Result<IpNet, Failure> {
    IpNet::new(address, length).map_err(|error| Failure::Other(error.to_string()))
}

#[allow(clippy::panic, reason = "a plugin that crashes is what is wanted")]
fn panic_now() {
    panic!("as it was told");
}

wasm_cni_guest::export_policy!(Demanding);
