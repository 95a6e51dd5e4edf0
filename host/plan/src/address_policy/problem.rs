use std::net::IpAddr;

use ipnet::IpNet;

use super::{MOST_ADDRESSES, MOST_ROUTES};
use crate::Family;

/// What is wrong with an IPAM plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is none.
    #[error("the answer has no address")]
    NoAddress,
    /// There are more than an interface may have.
    #[error("the answer has {count} addresses; {MOST_ADDRESSES} are the most for one interface")]
    TooManyAddresses {
        /// How many.
        count: usize,
    },
    /// There are more than an interface may have.
    #[error("the answer has {count} routes; {MOST_ROUTES} are the most for one interface")]
    TooManyRoutes {
        /// How many.
        count: usize,
    },
    /// The address stands there twice.
    #[error("address {address} stands in the answer more than once")]
    Repeated {
        /// The address.
        address: IpAddr,
    },
    /// The address is outside what the operator configured.
    #[error("address {address} lies outside the network's ranges")]
    OutOfRange {
        /// The address.
        address: IpAddr,
    },
    /// The address is the gateway's.
    #[error("address {address} is the network's gateway")]
    Gateway {
        /// The address.
        address: IpAddr,
    },
    /// The prefix is not that of the subnet.
    #[error("address {address} has prefix length {answered}, its subnet has {wanted}")]
    PrefixLength {
        /// The address.
        address: IpAddr,
        /// What the plugin said.
        answered: u8,
        /// What the subnet says.
        wanted: u8,
    },
    /// The attachment does not hold it.
    #[error("address {address} is not reserved for this attachment")]
    NotReserved {
        /// The address.
        address: IpAddr,
    },
    /// The gateway is of another family than the address.
    #[error("address {address} has gateway {gateway}, which is of the other family")]
    GatewayFamily {
        /// The address.
        address: IpAddr,
        /// The gateway.
        gateway: IpAddr,
    },
    /// The gateway is of another family than the destination.
    #[error("the route to {destination} has gateway {gateway}, which is of the other family")]
    RouteFamily {
        /// The destination.
        destination: IpNet,
        /// The gateway.
        gateway: IpAddr,
    },
    /// The families stand in the wrong order.
    #[error("an {first} address comes first, but the network's primary family is {primary}")]
    PrimaryFamily {
        /// The family of the first address.
        first: Family,
        /// The network's primary family.
        primary: Family,
    },
}
