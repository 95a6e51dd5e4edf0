//! What the operator's tool asks of the host itself, whatever our state says.

mod features;
mod links;
mod traffic;

pub use features::{Feature, features};
pub use kernel::{ForeignPort, ForwardFilter, HostPrefix, PrefixOrigin};

use kernel::Linux;

use crate::failure::Cause;

/// The prefixes of the host's own addresses and routes, without default routes.
///
/// # Errors
/// When the kernel can't be asked.
pub fn prefixes() -> Result<Vec<HostPrefix>, Cause> {
    Ok(Linux::host()?.prefixes()?)
}

/// Ports of the host that others forward, before us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardedByOthers {
    /// By the reference portmap.
    pub ports: Vec<ForeignPort>,
    /// kube-proxy serves node ports.
    pub has_kube_proxy: bool,
}

/// Asks nftables for the ports that others forward.
///
/// # Errors
/// When nftables can't be asked.
pub fn forwarded_by_others() -> Result<ForwardedByOthers, Cause> {
    let mut kernel = Linux::host()?;
    Ok(ForwardedByOthers {
        ports: kernel.foreign_ports()?,
        has_kube_proxy: kernel.has_kube_proxy()?,
    })
}

/// Chains of others that drop what the host forwards.
///
/// # Errors
/// When nftables can't be asked.
pub fn forward_filters() -> Result<Vec<ForwardFilter>, Cause> {
    Ok(Linux::host()?.forward_filters()?)
}
