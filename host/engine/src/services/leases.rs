use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ServiceError;

/// A run of addresses of one family, both ends included; `first` is not greater than `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

/// How full ranges are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageCount {
    /// Addresses in the ranges; saturates at the greatest `u64`.
    pub capacity: u64,
    /// Held by an attachment, or quarantined.
    pub taken: u64,
    /// Released not long ago.
    pub cooling: u64,
}

/// Why no address was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Another attachment holds it.
    #[error("taken by {holder}")]
    Taken {
        /// Which attachment, for people.
        holder: String,
    },
    /// The operator has not configured it for this network.
    #[error("outside the configured ranges")]
    OutsideRanges,
    /// Nothing is left.
    #[error("no address is left")]
    Exhausted,
    /// One attachment may hold no more.
    #[error("one attachment may hold no more addresses")]
    TooMany,
    /// The host's store failed.
    #[error("the host's lease store failed: {0}")]
    Unavailable(#[source] ServiceError),
}

/// The addresses of one network, seen from one attachment; each call is atomic against every other process.
///
/// The implementation checks that what is asked for lies inside the operator's ranges. The engine has bounded and checked
/// `ranges` already: 1 to 1024 of one family, none inverted.
pub trait Leases: Send {
    /// Reserve this one address for the attachment.
    ///
    /// # Errors
    /// Why it was not reserved.
    fn reserve(&mut self, address: IpAddr) -> Result<(), ReserveError>;

    /// Reserve the next free address of `ranges`, starting behind `after` and going round once.
    ///
    /// # Errors
    /// Why none was reserved.
    fn reserve_next(
        &mut self,
        ranges: &[AddressRange],
        after: Option<IpAddr>,
    ) -> Result<IpAddr, ReserveError>;

    /// The address inside `ranges` that [`Leases::reserve_next`] handed out last.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn last_reserved(&mut self, ranges: &[AddressRange]) -> Result<Option<IpAddr>, ServiceError>;

    /// The addresses that the attachment holds.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn held(&mut self) -> Result<Vec<IpAddr>, ServiceError>;

    /// Give back an address that this very call has reserved; false if it has not.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn release(&mut self, address: IpAddr) -> Result<bool, ServiceError>;

    /// How full the ranges are, all together.
    ///
    /// # Errors
    /// The store failed; the call ends.
    fn usage(&mut self, ranges: &[AddressRange]) -> Result<UsageCount, ServiceError>;
}
