use std::net::IpAddr;

use ipnet::IpNet;
use plan::{HostEnd, Route};

use super::{Linux, find_required};
use crate::{KernelError, Place};

impl Linux {
    pub(super) fn configure_host_end(&mut self, wanted: &HostEnd) -> Result<(), KernelError> {
        let link = find_required(&self.host, &wanted.link, Place::Host)?;
        for address in &wanted.addresses {
            self.add_host_address(&wanted.link, link.index, IpNet::from(*address))?;
        }
        for route in wanted.routes.iter().copied().map(through_link) {
            super::routes::ensure(&self.host, &link, &route)?;
        }
        Ok(())
    }
}

/// The address itself is on the link.
pub(super) fn through_link(address: IpAddr) -> Route {
    Route::to(IpNet::from(address), None)
}
