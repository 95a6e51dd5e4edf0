//! The host's values as a plugin sees them. Nothing can fail here.

pub(crate) mod proposal;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::attachment::{AddressRequest, AttachmentInfo, Pod, RequestSource};
use crate::bindings::types;

pub(crate) fn address(address: IpAddr) -> types::IpAddress {
    match address {
        IpAddr::V4(v4) => types::IpAddress::Ipv4(v4.octets().into()),
        IpAddr::V6(v6) => types::IpAddress::Ipv6(v6.segments().into()),
    }
}

pub(crate) fn attachment(info: &AttachmentInfo) -> types::Attachment {
    types::Attachment {
        network: info.network.clone(),
        container_id: info.container_id.clone(),
        interface_name: info.interface_name.clone(),
        pod: info.pod.as_ref().map(pod),
        requested_addresses: info.requested.iter().map(request).collect(),
    }
}

pub(crate) fn addressing(addressing: &plan::Addressing) -> types::Allocation {
    types::Allocation {
        addresses: addressing.addresses.iter().map(interface_address).collect(),
        routes: addressing.routes.iter().map(route).collect(),
        dns: dns(&addressing.dns),
    }
}

pub(crate) fn dns(dns: &plan::Dns) -> types::Dns {
    types::Dns {
        nameservers: dns.nameservers.clone(),
        domain: dns.domain.clone(),
        search: dns.search.clone(),
        options: dns.options.clone(),
    }
}

fn pod(pod: &Pod) -> types::Pod {
    types::Pod {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        annotations: pod.annotations.clone(),
    }
}

fn request(request: &AddressRequest) -> types::AddressRequest {
    types::AddressRequest {
        address: address(request.address),
        prefix_length: request.prefix_length,
        gateway: request.gateway.map(address),
        source: match request.source {
            RequestSource::CniArgs => types::RequestSource::CniArgs,
            RequestSource::Args => types::RequestSource::Args,
            RequestSource::RuntimeConfig => types::RequestSource::RuntimeConfig,
        },
    }
}

pub(crate) fn interface_address(given: &plan::InterfaceAddress) -> types::InterfaceAddress {
    types::InterfaceAddress {
        address: network(given.address),
        gateway: given.gateway.map(address),
    }
}

pub(crate) fn route(route: &plan::Route) -> types::Route {
    types::Route {
        destination: network(route.destination),
        gateway: route.gateway.map(address),
        mtu: route.mtu,
        advmss: route.advmss,
        priority: route.priority,
        table: route.table,
        scope: route.scope,
    }
}

fn network(network: IpNet) -> types::IpNetwork {
    types::IpNetwork {
        address: address(network.addr()),
        prefix_length: network.prefix_len(),
    }
}
