use std::net::IpAddr;

use wasm_cni_guest::{Attachment, Failure, Level, Policy, PolicyHost, PortMapping};

use crate::Portmap;

impl Policy for Portmap {
    fn configure(config: &str) -> Result<Self, Failure> {
        Self::parse(config)
    }

    fn amend(&self, _: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        if let Some(backend) = self.backend {
            let line =
                format!("backend = \"{backend}\": ports are forwarded by nftables all the same");
            host.log(Level::Debug, &line);
        }
        if self.mappings.is_empty() {
            return Ok(());
        }
        let addresses = host.addresses();
        let has = |ipv4: bool| {
            addresses
                .iter()
                .any(|entry| entry.address.addr().is_ipv4() == ipv4)
        };
        let reached = Families {
            ipv4: has(true),
            ipv6: has(false),
        };
        let (possible, impossible): (Vec<_>, Vec<_>) = self
            .mappings
            .iter()
            .copied()
            .partition(|mapping| reached.serve(mapping));
        for mapping in &impossible {
            host.log(Level::Warning, &reached.lament(mapping));
        }
        for mapping in &possible {
            if is_ipv6_loopback(mapping) {
                let line = format!(
                    "hostPort {} on hostIP ::1: the kernel forwards nothing that is sent to ::1; use 127.0.0.1 or \
                     another address of the host",
                    mapping.host_port
                );
                host.log(Level::Warning, &line);
            }
        }
        if !possible.is_empty() {
            host.forward_ports(&possible, self.source_nat, self.mark_bit, &self.conditions);
        }
        Ok(())
    }
}

fn is_ipv6_loopback(mapping: &PortMapping) -> bool {
    matches!(mapping.host_address, Some(IpAddr::V6(address)) if address.is_loopback())
}

/// The families that the container has an address of.
struct Families {
    ipv4: bool,
    ipv6: bool,
}

impl Families {
    fn serve(&self, mapping: &PortMapping) -> bool {
        match mapping.host_address {
            Some(IpAddr::V4(_)) => self.ipv4,
            Some(IpAddr::V6(_)) => self.ipv6,
            None => self.ipv4 || self.ipv6,
        }
    }

    fn lament(&self, mapping: &PortMapping) -> String {
        let port = mapping.host_port;
        match mapping.host_address {
            Some(address) => format!(
                "hostPort {port} on hostIP {address} is not forwarded: the container has no address of that family"
            ),
            None => format!("hostPort {port} is not forwarded: the container has no address"),
        }
    }
}
