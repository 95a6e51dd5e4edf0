//! Between the bindings' types and the SDK's.

mod policy;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::bindings::wasm_cni::plugin::{leases, log, storage, types};
use crate::{
    AddressRange, AddressRequest, Allocation, Attachment, Dns, Failure, InterfaceAddress, Level,
    Pod, RequestSource, ReserveError, Route, Scope, StorageError, Usage,
};

impl From<IpAddr> for types::IpAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Ipv4(address.octets().into()),
            IpAddr::V6(address) => Self::Ipv6(address.segments().into()),
        }
    }
}

impl From<types::IpAddress> for IpAddr {
    fn from(address: types::IpAddress) -> Self {
        match address {
            types::IpAddress::Ipv4(octets) => Ipv4Addr::from(<[u8; 4]>::from(octets)).into(),
            types::IpAddress::Ipv6(groups) => Ipv6Addr::from(<[u16; 8]>::from(groups)).into(),
        }
    }
}

impl From<IpNet> for types::IpNetwork {
    fn from(network: IpNet) -> Self {
        Self {
            address: network.addr().into(),
            prefix_length: network.prefix_len(),
        }
    }
}

impl TryFrom<types::IpNetwork> for IpNet {
    type Error = Failure;

    fn try_from(network: types::IpNetwork) -> Result<Self, Failure> {
        let address = IpAddr::from(network.address);
        Self::new(address, network.prefix_length).map_err(|error| {
            let prefix_length = network.prefix_length;
            Failure::Other(format!(
                "the host named {address} with prefix {prefix_length}: {error}"
            ))
        })
    }
}

impl From<AddressRange> for types::AddressRange {
    fn from(range: AddressRange) -> Self {
        Self {
            first: range.first().into(),
            last: range.last().into(),
        }
    }
}

impl From<types::Attachment> for Attachment {
    fn from(attachment: types::Attachment) -> Self {
        Self {
            network: attachment.network,
            container_id: attachment.container_id,
            interface_name: attachment.interface_name,
            pod: attachment.pod.map(Into::into),
            requested_addresses: attachment
                .requested_addresses
                .into_iter()
                .map(Into::into)
                .collect(),
        }
    }
}

impl From<types::Pod> for Pod {
    fn from(pod: types::Pod) -> Self {
        Self {
            namespace: pod.namespace,
            name: pod.name,
            uid: pod.uid,
            annotations: pod.annotations,
        }
    }
}

impl From<types::AddressRequest> for AddressRequest {
    fn from(request: types::AddressRequest) -> Self {
        Self {
            address: request.address.into(),
            prefix_length: request.prefix_length,
            gateway: request.gateway.map(Into::into),
            source: match request.source {
                types::RequestSource::CniArgs => RequestSource::CniArgs,
                types::RequestSource::Args => RequestSource::Args,
                types::RequestSource::RuntimeConfig => RequestSource::RuntimeConfig,
            },
        }
    }
}

impl From<Allocation> for types::Allocation {
    fn from(allocation: Allocation) -> Self {
        Self {
            addresses: allocation.addresses.into_iter().map(Into::into).collect(),
            routes: allocation.routes.into_iter().map(Into::into).collect(),
            dns: allocation.dns.into(),
        }
    }
}

impl TryFrom<types::Allocation> for Allocation {
    type Error = Failure;

    fn try_from(allocation: types::Allocation) -> Result<Self, Failure> {
        Ok(Self {
            addresses: allocation
                .addresses
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            routes: allocation
                .routes
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            dns: allocation.dns.into(),
        })
    }
}

impl From<InterfaceAddress> for types::InterfaceAddress {
    fn from(address: InterfaceAddress) -> Self {
        Self {
            address: address.address.into(),
            gateway: address.gateway.map(Into::into),
        }
    }
}

impl TryFrom<types::InterfaceAddress> for InterfaceAddress {
    type Error = Failure;

    fn try_from(address: types::InterfaceAddress) -> Result<Self, Failure> {
        Ok(Self {
            address: address.address.try_into()?,
            gateway: address.gateway.map(Into::into),
        })
    }
}

impl From<Route> for types::Route {
    fn from(route: Route) -> Self {
        Self {
            destination: route.destination.into(),
            gateway: route.gateway.map(Into::into),
            mtu: route.mtu,
            advmss: route.advmss,
            priority: route.priority,
            table: route.table,
            scope: route.scope,
        }
    }
}

impl TryFrom<types::Route> for Route {
    type Error = Failure;

    fn try_from(route: types::Route) -> Result<Self, Failure> {
        Ok(Self {
            destination: route.destination.try_into()?,
            gateway: route.gateway.map(Into::into),
            mtu: route.mtu,
            advmss: route.advmss,
            priority: route.priority,
            table: route.table,
            scope: route.scope,
        })
    }
}

impl From<Dns> for types::Dns {
    fn from(dns: Dns) -> Self {
        Self {
            nameservers: dns.nameservers,
            domain: dns.domain,
            search: dns.search,
            options: dns.options,
        }
    }
}

impl From<types::Dns> for Dns {
    fn from(dns: types::Dns) -> Self {
        Self {
            nameservers: dns.nameservers,
            domain: dns.domain,
            search: dns.search,
            options: dns.options,
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidConfig(text) => Self::InvalidConfig(text),
            Failure::Exhausted(text) => Self::Exhausted(text),
            Failure::Denied(text) => Self::Denied(text),
            Failure::RetryLater(text) => Self::RetryLater(text),
            Failure::Unavailable(text) => Self::Unavailable(text),
            Failure::Other(text) => Self::Other(text),
        }
    }
}

impl From<leases::ReserveFailure> for ReserveError {
    fn from(failure: leases::ReserveFailure) -> Self {
        match failure {
            leases::ReserveFailure::Taken(holder) => Self::Taken(holder),
            leases::ReserveFailure::OutsideRanges => Self::OutsideRanges,
            leases::ReserveFailure::Exhausted => Self::Exhausted,
            leases::ReserveFailure::TooMany => Self::TooMany,
            leases::ReserveFailure::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl From<leases::UsageCount> for Usage {
    fn from(usage: leases::UsageCount) -> Self {
        Self {
            capacity: usage.capacity,
            taken: usage.taken,
            cooling: usage.cooling,
        }
    }
}

impl From<storage::StorageFailure> for StorageError {
    fn from(failure: storage::StorageFailure) -> Self {
        match failure {
            storage::StorageFailure::InvalidKey => Self::InvalidKey,
            storage::StorageFailure::QuotaExceeded => Self::QuotaExceeded,
            storage::StorageFailure::ReadOnly => Self::ReadOnly,
            storage::StorageFailure::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl From<Scope> for storage::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Attachment => Self::Attachment,
            Scope::Durable => Self::Durable,
        }
    }
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_survive_the_way_there_and_back() {
        for text in ["10.1.2.3", "255.0.0.1", "2001:db8:1:2:3:4:5:6", "::1"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(types::IpAddress::from(address)), address);
        }
    }

    #[test]
    fn the_most_significant_part_comes_first() {
        let v4 = types::IpAddress::from("10.1.2.3".parse::<IpAddr>().unwrap());
        assert!(matches!(v4, types::IpAddress::Ipv4((10, 1, 2, 3))));
        let v6 = types::IpAddress::from("2001:db8::1".parse::<IpAddr>().unwrap());
        assert!(matches!(
            v6,
            types::IpAddress::Ipv6((0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))
        ));
    }

    #[test]
    fn an_impossible_prefix_from_the_host_is_an_error() {
        let network = types::IpNetwork {
            address: types::IpAddress::Ipv4((10, 0, 0, 1)),
            prefix_length: 33,
        };
        assert!(matches!(IpNet::try_from(network), Err(Failure::Other(_))));
    }

    #[test]
    fn an_allocation_survives_the_way_there_and_back() {
        let allocation = Allocation {
            addresses: vec![
                InterfaceAddress::new(
                    "10.1.0.2".parse().unwrap(),
                    16,
                    Some("10.1.0.1".parse().unwrap()),
                )
                .unwrap(),
            ],
            routes: vec![Route {
                destination: "0.0.0.0/0".parse().unwrap(),
                gateway: None,
                mtu: Some(1400),
                advmss: Some(1360),
                priority: Some(10),
                table: Some(100),
                scope: Some(253),
            }],
            dns: Dns {
                nameservers: vec!["10.1.0.1".to_owned()],
                domain: Some("example.org".to_owned()),
                search: vec!["example.org".to_owned()],
                options: vec!["ndots:5".to_owned()],
            },
        };
        let there = types::Allocation::from(allocation.clone());
        assert_eq!(Allocation::try_from(there), Ok(allocation));
    }
}
