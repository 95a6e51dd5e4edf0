//! What the operator's tool asks of the host itself, whatever our state says.

mod features;
mod links;
mod traffic;

pub use features::{Feature, features};
pub use kernel::{ForwardFilter, HostPrefix, PrefixOrigin};

use kernel::Linux;

use crate::failure::Cause;

/// The prefixes of the host's own addresses and routes, without default routes.
///
/// # Errors
/// When the kernel can't be asked.
pub fn prefixes() -> Result<Vec<HostPrefix>, Cause> {
    Ok(Linux::host()?.prefixes()?)
}

/// Chains of others that drop what the host forwards.
///
/// # Errors
/// When nftables can't be asked.
pub fn forward_filters() -> Result<Vec<ForwardFilter>, Cause> {
    Ok(Linux::host()?.forward_filters()?)
}
