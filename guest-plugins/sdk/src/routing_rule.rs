use std::net::IpAddr;

use ipnet::IpNet;

/// An address family (WIT `ip-family`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl IpFamily {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::Ipv4
        } else {
            Self::Ipv6
        }
    }
}

/// A routing rule inside the container (WIT `routing-rule`, `ip rule`): packets that match look into `table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoutingRule {
    /// Whose packets it looks at.
    pub family: IpFamily,
    /// Smaller is looked at first; none: the kernel chooses.
    pub priority: Option<u32>,
    /// Where packets come from; none: from anywhere.
    pub source: Option<IpNet>,
    /// Where packets go; none: anywhere.
    pub destination: Option<IpNet>,
    /// 1–252 or above 255.
    pub table: u32,
}
