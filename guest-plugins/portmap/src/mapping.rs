//! `runtimeConfig.portMappings`.

use std::net::IpAddr;

use serde::Deserialize;
use wasm_cni_guest::{PortMapping, Transport, config};

/// A mapping as the runtime writes it. containerd writes the names of its own fields, which begin with a capital.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MappingObject {
    #[serde(alias = "HostPort")]
    host_port: Port,
    #[serde(alias = "ContainerPort")]
    container_port: Port,
    #[serde(default, alias = "Protocol")]
    protocol: Protocol,
    #[serde(
        default,
        rename = "hostIP",
        alias = "HostIP",
        deserialize_with = "config::optional_address"
    )]
    host_address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct Port(u16);

impl TryFrom<i64> for Port {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u16::try_from(number) {
            Ok(port @ 1..) => Ok(Self(port)),
            _ => Err("is no port; ports are 1 to 65535"),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Option<String>")]
struct Protocol(Transport);

impl Default for Protocol {
    fn default() -> Self {
        Self(Transport::Tcp)
    }
}

impl TryFrom<Option<String>> for Protocol {
    type Error = &'static str;

    fn try_from(name: Option<String>) -> Result<Self, Self::Error> {
        match name.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "tcp" => Ok(Self(Transport::Tcp)),
            "udp" => Ok(Self(Transport::Udp)),
            "sctp" => Ok(Self(Transport::Sctp)),
            _ => Err("has no ports that can be forwarded; possible are tcp, udp and sctp"),
        }
    }
}

impl From<MappingObject> for PortMapping {
    fn from(object: MappingObject) -> Self {
        Self {
            transport: object.protocol.0,
            host_address: object.host_address,
            host_port: object.host_port.0,
            container_port: object.container_port.0,
        }
    }
}

/// The indexes of two mappings that want the same port of the host, if there are two. A request can have thousands.
pub(crate) fn clash(mappings: &[PortMapping]) -> Option<(usize, usize)> {
    let mut sorted: Vec<(usize, &PortMapping)> = mappings.iter().enumerate().collect();
    let port = |mapping: &PortMapping| (mapping.transport, mapping.host_port);
    sorted.sort_unstable_by_key(|(index, mapping)| (port(mapping), *index));
    sorted
        .chunk_by(|(_, one), (_, other)| port(one) == port(other))
        .find_map(|group| {
            group.iter().enumerate().find_map(|(count, (later, one))| {
                let (earlier, _) = group
                    .iter()
                    .take(count)
                    .find(|(_, other)| overlap(one.host_address, other.host_address))?;
                Some((*earlier, *later))
            })
        })
}

/// Is there an address of the host that both mean?
fn overlap(one: Option<IpAddr>, other: Option<IpAddr>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) if one.is_ipv4() == other.is_ipv4() => {
            one == other || one.is_unspecified() || other.is_unspecified()
        }
        (Some(_), Some(_)) => false,
        (None, _) | (_, None) => true,
    }
}
