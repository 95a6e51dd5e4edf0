//! Addresses that the caller asks for, out of the three places where it can.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use crate::arguments::Arguments;
use crate::config::{ConventionArgs, RuntimeConfig};
use crate::error::Code;
use crate::excerpt::excerpt;
use crate::mac::{MacAddress, MacError};

/// Most addresses that one request may ask for.
pub const MAX_REQUESTED_ADDRESSES: usize = 64;

/// Where a request came from. The order is that of precedence, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestSource {
    /// `CNI_ARGS`, keys `IP`, `GATEWAY` and `MAC`.
    CniArgs,
    /// The config's `args.cni`, keys `ips` and `mac`.
    Args,
    /// The config's `runtimeConfig`, keys `ips` and `mac`.
    RuntimeConfig,
}

/// A requested address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRequest {
    /// The address.
    pub address: IpAddr,
    /// Its prefix length, where one was written.
    pub prefix_length: Option<u8>,
    /// Its gateway, which only `CNI_ARGS` can give.
    pub gateway: Option<IpAddr>,
    /// Where it came from.
    pub source: RequestSource,
}

/// A requested hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacRequest {
    /// The address.
    pub mac: MacAddress,
    /// Where it came from.
    pub source: RequestSource,
}

/// A request that can't be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RequestedAddressError {
    /// It is no address.
    #[error(
        "the requested address {value} in {} is malformed; write it as 10.1.0.5 or 10.1.0.5/24",
        source_key(.place, "ips", "IP")
    )]
    Address {
        /// Where it stands.
        place: RequestSource,
        /// The refused text, shortened.
        value: String,
    },
    /// It is no hardware address.
    #[error("the requested address in {}: {error}", source_key(.place, "mac", "MAC"))]
    Mac {
        /// Where it stands.
        place: RequestSource,
        /// Why.
        #[source]
        error: MacError,
    },
    /// More addresses than anyone needs.
    #[error("{count} addresses are requested in {}; at most 64 can be", source_key(.place, "ips", "IP"))]
    TooMany {
        /// Where they stand.
        place: RequestSource,
        /// How many there are.
        count: usize,
    },
}

impl RequestedAddressError {
    /// 4 for `CNI_ARGS`, which is an environment variable; 7 for the config.
    pub fn code(&self) -> Code {
        let (Self::Address { place, .. } | Self::Mac { place, .. } | Self::TooMany { place, .. }) =
            self;
        match place {
            RequestSource::CniArgs => Code::INVALID_ENVIRONMENT,
            RequestSource::Args | RequestSource::RuntimeConfig => Code::INVALID_NETWORK_CONFIG,
        }
    }
}

impl fmt::Display for RequestSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CniArgs => "CNI_ARGS",
            Self::Args => "args.cni",
            Self::RuntimeConfig => "runtimeConfig",
        })
    }
}

fn source_key(source: &RequestSource, config_key: &str, variable_key: &str) -> String {
    match source {
        RequestSource::CniArgs => format!("{source} ({variable_key})"),
        RequestSource::Args | RequestSource::RuntimeConfig => format!("{source}.{config_key}"),
    }
}

/// The requested addresses, best source first, each address once.
///
/// `CNI_ARGS` is left out where `args` gives the same key, as the specification's conventions say.
/// The sources add up otherwise, as in host-local; static takes the first source alone.
///
/// # Errors
/// [`RequestedAddressError`].
pub fn requested_addresses(
    runtime_config: &RuntimeConfig,
    args: &ConventionArgs,
    arguments: &Arguments,
) -> Result<Vec<AddressRequest>, RequestedAddressError> {
    let variable: &[String] = if args.ips.is_some() {
        &[]
    } else {
        &arguments.ips
    };
    let sources: [(RequestSource, &[String], &[IpAddr]); 3] = [
        (RequestSource::RuntimeConfig, &runtime_config.ips, &[]),
        (
            RequestSource::Args,
            args.ips.as_deref().unwrap_or_default(),
            &[],
        ),
        (RequestSource::CniArgs, variable, &arguments.gateways),
    ];
    let mut requests: Vec<AddressRequest> = Vec::new();
    for (source, texts, gateways) in sources {
        if texts.len() > MAX_REQUESTED_ADDRESSES {
            return Err(RequestedAddressError::TooMany {
                place: source,
                count: texts.len(),
            });
        }
        for text in texts {
            let request = parse_address(text, source, gateways)?;
            if !requests
                .iter()
                .any(|known| known.address == request.address)
            {
                requests.push(request);
            }
        }
    }
    Ok(requests)
}

/// The requested hardware address of the best source: `runtimeConfig` before `args` before
/// `CNI_ARGS` (the order of the reference plugin bridge).
///
/// # Errors
/// [`RequestedAddressError::Mac`] for a malformed one of any source that counts.
pub fn requested_mac(
    runtime_config: &RuntimeConfig,
    args: &ConventionArgs,
    arguments: &Arguments,
) -> Result<Option<MacRequest>, RequestedAddressError> {
    let variable = if args.mac.is_some() {
        None
    } else {
        arguments.mac.as_ref()
    };
    let mut best = None;
    for (place, text) in [
        (RequestSource::CniArgs, variable),
        (RequestSource::Args, args.mac.as_ref()),
        (RequestSource::RuntimeConfig, runtime_config.mac.as_ref()),
    ] {
        if let Some(text) = text {
            let mac = text
                .parse()
                .map_err(|error| RequestedAddressError::Mac { place, error })?;
            best = Some(MacRequest { mac, source: place });
        }
    }
    Ok(best)
}

fn parse_address(
    text: &str,
    source: RequestSource,
    gateways: &[IpAddr],
) -> Result<AddressRequest, RequestedAddressError> {
    let malformed = || RequestedAddressError::Address {
        place: source,
        value: excerpt(text),
    };
    if !text.contains('/') {
        let address = text
            .parse::<IpAddr>()
            .map_err(|_| malformed())?
            .to_canonical();
        let gateway = gateways
            .iter()
            .find(|gateway| gateway.is_ipv4() == address.is_ipv4());
        let gateway = gateway.copied();
        return Ok(AddressRequest {
            address,
            prefix_length: None,
            gateway,
            source,
        });
    }
    let network = text.parse::<IpNet>().map_err(|_| malformed())?;
    let address = network.addr();
    // ::ffff:10.0.0.1/120 is an address of neither family.
    if address.to_canonical() != address {
        return Err(malformed());
    }
    Ok(AddressRequest {
        address,
        prefix_length: Some(network.prefix_len()),
        gateway: gateways
            .iter()
            .find(|gateway| network.contains(*gateway))
            .copied(),
        source,
    })
}

#[cfg(test)]
#[path = "address_request_tests.rs"]
mod tests;
