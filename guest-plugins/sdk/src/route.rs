use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// A route inside the container (WIT `route`), read from a configuration as an element of CNI's `routes`.
///
/// As in the reference plugins' configuration, 0 in `mtu`, `advmss` and `priority` means: not given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RouteObject")]
pub struct Route {
    /// Host bits clear.
    pub destination: IpNet,
    /// None: the gateway that the addresses of the same family name, if any.
    pub gateway: Option<IpAddr>,
    /// In bytes.
    pub mtu: Option<u32>,
    /// TCP maximal segment size to advertise, in bytes.
    pub advmss: Option<u32>,
    /// The route's metric; smaller wins.
    pub priority: Option<u32>,
    /// The routing table's number.
    pub table: Option<u32>,
    /// 0 global, 253 link, 254 host.
    pub scope: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteObject {
    dst: IpNet,
    #[serde(default, deserialize_with = "crate::config::optional_address")]
    gw: Option<IpAddr>,
    mtu: Option<u32>,
    advmss: Option<u32>,
    priority: Option<u32>,
    table: Option<u32>,
    scope: Option<u8>,
}

impl TryFrom<RouteObject> for Route {
    type Error = String;

    fn try_from(object: RouteObject) -> Result<Self, Self::Error> {
        let network = object.dst.trunc();
        if network != object.dst {
            return Err(format!(
                "dst {} has host bits set; the network is {network}",
                object.dst
            ));
        }
        let given = |value: Option<u32>| value.filter(|value| *value != 0);
        Ok(Self {
            destination: network,
            gateway: object.gw,
            mtu: given(object.mtu),
            advmss: given(object.advmss),
            priority: given(object.priority),
            table: object.table,
            scope: object.scope,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_route_is_read() {
        let route: Route = serde_json::from_str(
            r#"{"dst": "10.0.0.0/8", "gw": "10.1.0.1", "mtu": 1400, "advmss": 1360, "priority": 0, "table": 0, "scope": 253}"#,
        )
        .unwrap();
        assert_eq!(
            route,
            Route {
                destination: "10.0.0.0/8".parse().unwrap(),
                gateway: Some("10.1.0.1".parse().unwrap()),
                mtu: Some(1400),
                advmss: Some(1360),
                priority: None,
                table: Some(0),
                scope: Some(253),
            }
        );
    }

    #[test]
    fn a_destination_with_host_bits_is_refused_with_the_network_that_was_meant() {
        let error = serde_json::from_str::<Route>(r#"{"dst": "10.0.0.1/8"}"#).unwrap_err();
        assert!(error.to_string().contains("the network is 10.0.0.0/8"));
    }
}
