//! Waiting for IPv6 duplicate address detection (RFC 4862, 5.4).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use netlink_packet_route::RouteNetlinkMessage;
use plan::ContainerAddresses;

use super::Linux;
use super::addresses::has_ipv6;
use crate::netlink::{AddressState, LinkState, Notices, RouteSocket};
use crate::{KernelError, Netns};

/// One probe and its answer take one to two seconds.
const LONGEST: Duration = Duration::from_secs(5);

/// Hears of the container's IPv6 addresses.
pub(super) struct Detection {
    notices: Notices,
    addresses: Vec<IpAddr>,
}

impl Linux {
    /// Listens before anything is added, so that no outcome is missed. None when there is nothing to detect.
    pub(super) fn listen_if_detecting(
        &self,
        container: &Netns,
        wanted: &ContainerAddresses,
    ) -> Result<Option<Detection>, KernelError> {
        if !wanted.duplicate_address_detection || !has_ipv6(wanted) {
            return Ok(None);
        }
        let notices = container.run(Notices::of_ipv6_addresses)?;
        let notices = notices.map_err(|source| KernelError::Io {
            doing: "listening to the container's IPv6 addresses",
            source,
        })?;
        let addresses = wanted.addresses.iter().map(|entry| entry.address.addr());
        Ok(Some(Detection {
            notices,
            addresses: addresses.filter(IpAddr::is_ipv6).collect(),
        }))
    }
}

impl Detection {
    /// Until no address is tentative any more.
    pub(super) fn wait(self, route: &RouteSocket, link: &LinkState) -> Result<(), KernelError> {
        let doing = || format!("reading the addresses of {}", link.name);
        let deadline = Instant::now() + LONGEST;
        let now = route.addresses(link.index, None);
        let now = now.map_err(|refusal| refusal.when(doing()))?;
        let mut pending = self.addresses;
        let mut notices = self.notices;
        settle(&mut pending, link, &now)?;
        while let Some(address) = pending.first() {
            let heard = notices.next(deadline);
            let heard = heard.map_err(|refusal| refusal.when(doing()))?;
            let Some(messages) = heard else {
                return Err(KernelError::DetectionTimeout {
                    interface: link.name.clone(),
                    address: *address,
                    seconds: LONGEST.as_secs(),
                });
            };
            let changed: Vec<_> = messages
                .iter()
                .filter_map(|message| match message {
                    RouteNetlinkMessage::NewAddress(message) => AddressState::read(message),
                    _ => None,
                })
                .collect();
            settle(&mut pending, link, &changed)?;
        }
        Ok(())
    }
}

/// Takes out of `pending` what is decided.
fn settle(
    pending: &mut Vec<IpAddr>,
    link: &LinkState,
    states: &[AddressState],
) -> Result<(), KernelError> {
    for state in states.iter().filter(|state| state.index == link.index) {
        let address = state.address.addr();
        if !pending.contains(&address) {
            continue;
        }
        if state.duplicate {
            return Err(KernelError::DuplicateAddress {
                interface: link.name.clone(),
                address,
            });
        }
        if !state.tentative {
            pending.retain(|each| *each != address);
        }
    }
    Ok(())
}
