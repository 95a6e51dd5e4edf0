use std::net::IpAddr;

use serde::Deserialize;
use wasm_cni_guest::{Failure, config};

/// The plugin: its configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbr {
    pub(crate) table: Option<u32>,
    /// At most one of each family.
    pub(crate) gateways: Vec<IpAddr>,
}

/// The configuration as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object {
    table: Option<TableNumber>,
    gateways: Option<Vec<Gateway>>,
    #[serde(rename = "addSourceHints")]
    _add_source_hints: Option<bool>,
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct TableNumber(u32);

impl TryFrom<i64> for TableNumber {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match u32::try_from(number) {
            // 253 to 255 are the kernel's own.
            Ok(table @ (1..=252 | 256..)) => Ok(Self(table)),
            _ => Err("is no table of its own; tables are 1 to 252 and 256 to 4294967295"),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Gateway(IpAddr);

impl TryFrom<String> for Gateway {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let address: IpAddr = text
            .parse()
            .map_err(|_| "is neither an IPv4 nor an IPv6 address")?;
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            return Err("can't be a gateway; name the router's address on the network");
        }
        Ok(Self(address.to_canonical()))
    }
}

impl Sbr {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let object: Object = config::parse_stage(text)?;
        let mut gateways: Vec<IpAddr> = Vec::new();
        for (index, Gateway(gateway)) in object.gateways.unwrap_or_default().into_iter().enumerate()
        {
            if let Some(other) = gateways
                .iter()
                .find(|other| other.is_ipv4() == gateway.is_ipv4())
            {
                return Err(Failure::InvalidConfig(format!(
                    "gateways[{index}] = \"{gateway}\": {other} is of the same family; one gateway of each family is possible"
                )));
            }
            gateways.push(gateway);
        }
        Ok(Self {
            table: object.table.map(|table| table.0),
            gateways,
        })
    }
}
