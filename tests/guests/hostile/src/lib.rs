//! A guest that misbehaves as its configuration says: `{"mode": "loop", …}`. It speaks the bindings, not the SDK, whose
//! types do not allow half of this.

use std::hint::black_box;

use serde::Deserialize;
use wasm_cni_guest::bindings::exports::wasm_cni::plugin::ipam::Guest;
use wasm_cni_guest::bindings::wasm_cni::plugin::leases;
use wasm_cni_guest::bindings::wasm_cni::plugin::types::{
    AddressRange, Allocation, Attachment, Dns, Failure, InterfaceAddress, IpAddress, IpNetwork,
    Route,
};

#[derive(Deserialize)]
struct Config {
    mode: String,
}

/// The guest.
#[derive(Debug)]
pub struct Hostile;

impl Guest for Hostile {
    fn validate(config: String) -> Result<(), Failure> {
        mode(&config).map(drop)
    }

    fn allocate(_: Attachment, config: String, _: Option<Dns>) -> Result<Allocation, Failure> {
        match mode(&config)?.as_str() {
            "good" => reserve_next().map(|address| allocation(vec![entry(address)])),
            "loop" => endless(),
            "memory" => hoard(),
            "trap" => trap(),
            "many" => Ok(allocation(vec![entry(reserve_next()?); 10_000])),
            "too-many" => Ok(allocation(vec![entry(reserve_next()?); 65])),
            "outside" => Ok(allocation(vec![entry(ipv4(192, 168, 77, 7))])),
            "gateway" => Ok(allocation(vec![entry(ipv4(10, 1, 0, 1))])),
            // The first address of the range: by then another pod's.
            "taken" => Ok(allocation(vec![entry(ipv4(10, 1, 0, 2))])),
            "unreserved" => Ok(allocation(vec![entry(ipv4(10, 1, 0, 99))])),
            "prefix" => {
                let mut address = entry(reserve_next()?);
                address.address.prefix_length = 200;
                Ok(allocation(vec![address]))
            }
            "routes" => {
                let mut answer = allocation(vec![entry(reserve_next()?)]);
                let destination = IpNetwork {
                    address: ipv4(10, 9, 0, 1),
                    prefix_length: 8,
                };
                answer.routes = vec![Route {
                    destination,
                    gateway: Some(IpAddress::Ipv6((0xfd00, 0, 0, 0, 0, 0, 0, 1))),
                    mtu: None,
                    advmss: None,
                    priority: None,
                    table: None,
                    scope: Some(77),
                }];
                Ok(answer)
            }
            "terminal" => Err(Failure::Denied("\u{1b}[2Jgone\u{202e}\r\n".repeat(10_000))),
            other => Err(Failure::InvalidConfig(format!(
                "ipam.mode: no mode {other:?}"
            ))),
        }
    }

    fn release(_: Attachment, config: String) -> Result<(), Failure> {
        match mode(&config)?.as_str() {
            "loop" => endless(),
            "trap" => trap(),
            _ => Ok(()),
        }
    }

    fn check(_: Attachment, _: String, _: Allocation) -> Result<(), Failure> {
        Ok(())
    }

    fn status(_: String) -> Result<(), Failure> {
        Ok(())
    }
}

fn mode(config: &str) -> Result<String, Failure> {
    let config: Config =
        serde_json::from_str(config).map_err(|error| Failure::InvalidConfig(error.to_string()))?;
    Ok(config.mode)
}

fn endless() -> ! {
    let mut count = 0_u64;
    loop {
        count = black_box(count).wrapping_add(1);
    }
}

fn hoard() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

fn trap() -> ! {
    std::process::abort()
}

fn reserve_next() -> Result<IpAddress, Failure> {
    let range = AddressRange {
        first: ipv4(10, 1, 0, 2),
        last: ipv4(10, 1, 0, 254),
    };
    leases::reserve_next(&[range], None).map_err(|error| Failure::Other(format!("{error:?}")))
}

fn ipv4(a: u8, b: u8, c: u8, d: u8) -> IpAddress {
    IpAddress::Ipv4((a, b, c, d))
}

fn entry(address: IpAddress) -> InterfaceAddress {
    InterfaceAddress {
        address: IpNetwork {
            address,
            prefix_length: 24,
        },
        gateway: None,
    }
}

fn allocation(addresses: Vec<InterfaceAddress>) -> Allocation {
    let dns = Dns {
        nameservers: vec![],
        domain: None,
        search: vec![],
        options: vec![],
    };
    Allocation {
        addresses,
        routes: vec![],
        dns,
    }
}

#[cfg(target_family = "wasm")]
const _: () = {
    wasm_cni_guest::bindings::export!(Hostile with_types_in wasm_cni_guest::bindings);
};
