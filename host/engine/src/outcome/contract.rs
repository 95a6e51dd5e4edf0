use std::net::IpAddr;

use ipnet::IpNet;
use plan::ChangeKind;

/// What is wrong with an answer or a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A list is too long.
    #[error("{count} {what}, and at most {limit} are allowed")]
    TooMany {
        /// Entries.
        count: usize,
        /// Of what.
        what: &'static str,
        /// Entries allowed.
        limit: usize,
    },
    /// A prefix is longer than an address.
    #[error("a prefix of {length} bits for {address}, which has {bits}")]
    PrefixLength {
        /// The address.
        address: IpAddr,
        /// Bits.
        length: u8,
        /// Bits of its family.
        bits: u8,
    },
    /// A destination, a source or a peer is no network.
    #[error("the network {0} has host bits set")]
    HostBits(IpNet),
    /// Two addresses that belong together are of two families.
    #[error("the gateway {gateway} is of another family than {of}")]
    GatewayFamily {
        /// The gateway.
        gateway: IpAddr,
        /// What it is the gateway of.
        of: IpNet,
    },
    /// A scope that routes don't have.
    #[error("a route has scope {0}; 0 (global), 253 (link) and 254 (host) are allowed")]
    Scope(u8),
    /// A name server that is no address.
    #[error("the name server {0:?} is no IP address")]
    NameServer(String),
    /// A text that is too long.
    #[error("{what} has {length} bytes, and at most {limit} are allowed")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Ports whose first is greater than their last.
    #[error("the ports {first} to {last} are no range")]
    PortRange {
        /// The first.
        first: u16,
        /// The last.
        last: u16,
    },
    /// A text that would end a line or drive the terminal it is shown on.
    #[error("{what} holds control characters: {text:?}")]
    Control {
        /// Which text.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A text that would break the file or the terminal it ends in.
    #[error("{what} is empty or holds spaces or unprintable characters: {text:?}")]
    Unprintable {
        /// Which text.
        what: &'static str,
        /// The text.
        text: String,
    },
}

/// What a plugin asked the host for against the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// `leases` takes at most 1024 ranges.
    #[error("it named {0} ranges in one call, and at most 1024 are allowed")]
    TooManyRanges(usize),
    /// A range whose ends are of two families, or inverted.
    #[error("it named a range from {0} to {1}, which is none")]
    NotARange(IpAddr, IpAddr),
    /// A change was proposed by a call that proposes none.
    #[error("it proposed a change by `{0}` outside of `amend`")]
    ChangeOutsideAmend(ChangeKind),
    /// `leases` was called where there are none.
    #[error("it called `leases`, which only a plugin that chooses addresses may")]
    NoLeases,
    /// Ranges of two families in one call.
    #[error("it named ranges of both families in one call")]
    MixedFamilies,
}
