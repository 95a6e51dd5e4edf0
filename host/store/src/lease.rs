use std::net::IpAddr;

use plan::{Attachment, LinkKind, MacAddress, NetnsIdentity, NetworkTag};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::address::AddressRange;
use crate::key::{Parts, Place};

pub(crate) mod expiry;
pub(crate) mod index;
mod list;
mod release;
mod reserve;
mod usage;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use list::{LeaseFilter, LeaseKind, LeasePage, LeasePosition, OrphanPage};
pub(crate) use release::{cool_all, hold_pending, quarantine};
pub use reserve::{MAX_ADDRESSES, Reservation, ReserveError};
pub use usage::Usage;

/// Seconds since 1970-01-01T00:00:00Z. The store reads no clock: callers pass the time in.
pub type UnixSeconds = u64;

/// An address that is not free on its network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The network.
    pub network: NetworkTag,
    /// The address.
    pub address: IpAddr,
    /// Who holds it, or held it last; None where only a link tells that it is in use.
    pub attachment: Option<Attachment>,
    /// When it was reserved, or quarantined.
    pub since: UnixSeconds,
    /// Its state.
    pub state: LeaseState,
}

/// Why an address is not free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum LeaseState {
    /// Reserved by an ADD that has not finished.
    Pending,
    /// In use by an attachment.
    Held,
    /// Released; handed out again from `until` on, or before when nothing else is left.
    Cooling {
        /// When it was released.
        released_at: UnixSeconds,
        /// When it is free.
        until: UnixSeconds,
    },
    /// Perhaps still in use: its link could not be proven gone. Never handed out.
    Quarantined {
        /// What speaks for it.
        evidence: LinkEvidence,
    },
}

/// The link that may still carry a quarantined address, as far as it is known: with it a later sweep can prove it gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkEvidence {
    /// Its name, on the host or in the container.
    pub link: String,
    /// Its kind; None where it is not known, or is a device of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LinkKind>,
    /// Its Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The namespace that it is in, if not the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetnsIdentity>,
    /// Why it counts as in use, for the operator.
    pub reason: String,
}

/// An address that must not be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedAddress {
    /// The network.
    pub network: NetworkTag,
    /// The address.
    pub address: IpAddr,
    /// Who holds it, where that is known.
    pub attachment: Option<Attachment>,
    /// When it was found.
    pub since: UnixSeconds,
    /// The link that has it.
    pub evidence: LinkEvidence,
}

/// How long a released address is not handed out again while others are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolDown {
    /// When the address was released.
    pub released_at: UnixSeconds,
    /// When it is free; not later than `released_at` means at once.
    pub until: UnixSeconds,
}

impl CoolDown {
    /// None: the address was never on a wire, it is free at once.
    pub const NONE: Self = Self {
        released_at: 0,
        until: 0,
    };

    /// From `now` on for so many seconds.
    #[must_use]
    pub fn lasting(now: UnixSeconds, seconds: u64) -> Self {
        Self {
            released_at: now,
            until: now.saturating_add(seconds),
        }
    }

    fn state(self) -> Option<LeaseState> {
        let Self { released_at, until } = self;
        (until > released_at).then_some(LeaseState::Cooling { released_at, until })
    }
}

/// A lease as stored: network and address stand in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredLease {
    pub(crate) attachment: Option<Attachment>,
    pub(crate) since: UnixSeconds,
    pub(crate) state: LeaseState,
}

impl StoredLease {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(value).map_err(|error| StoreError::Corrupt {
            what: "a lease",
            source: Some(error),
        })
    }

    pub(crate) fn is_held_by(&self, attachment: &Attachment) -> bool {
        matches!(self.state, LeaseState::Pending | LeaseState::Held)
            && self.attachment.as_ref() == Some(attachment)
    }

    fn at(self, place: Place) -> Lease {
        Lease {
            network: place.network,
            address: place.address,
            attachment: self.attachment,
            since: self.since,
            state: self.state,
        }
    }
}

impl Lease {
    pub(crate) fn decode((key, value): (&[u8], &[u8])) -> Result<Self, StoreError> {
        let place = Parts::of_key(key).place()?;
        Ok(StoredLease::decode(value)?.at(place))
    }
}

fn holds(ranges: &[AddressRange], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.holds(address))
}
