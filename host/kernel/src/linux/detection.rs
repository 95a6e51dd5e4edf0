//! Waiting for IPv6 duplicate address detection (RFC 4862, 5.4).

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use plan::ContainerAddresses;
use rtnetlink::MulticastGroup;
use tokio::runtime::Runtime;

use super::Linux;
use super::addresses::has_ipv6;
use crate::netlink::{AddressState, LinkState, RouteSocket};
use crate::{KernelError, Netns};

/// One probe and its answer take one to two seconds.
const LONGEST: Duration = Duration::from_secs(5);

type Notice = (NetlinkMessage<RouteNetlinkMessage>, netlink_sys::SocketAddr);

/// Hears of the container's IPv6 addresses.
pub(super) struct Detection {
    runtime: Arc<Runtime>,
    notices: Box<dyn Stream<Item = Notice> + Send + Unpin>,
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
        let runtime = Arc::clone(&self.runtime);
        let notices = container.run(move || {
            let context = runtime.enter();
            let (connection, _, notices) =
                rtnetlink::new_multicast_connection(&[MulticastGroup::Ipv6Ifaddr])?;
            drop(context);
            runtime.spawn(connection);
            Ok(notices)
        })?;
        let notices = notices.map_err(|source| KernelError::Io {
            doing: "listening to the container's IPv6 addresses",
            source,
        })?;
        let addresses = wanted.addresses.iter().map(|entry| entry.address.addr());
        Ok(Some(Detection {
            runtime: Arc::clone(&self.runtime),
            notices: Box::new(notices),
            addresses: addresses.filter(IpAddr::is_ipv6).collect(),
        }))
    }
}

impl Detection {
    /// Until no address is tentative any more.
    pub(super) fn wait(self, route: &RouteSocket, link: &LinkState) -> Result<(), KernelError> {
        let deadline = Instant::now() + LONGEST;
        let now = route
            .addresses(link.index, None)
            .map_err(|refusal| refusal.when(format!("reading the addresses of {}", link.name)))?;
        let mut pending = self.addresses;
        settle(&mut pending, link, &now)?;
        let mut notices = pin!(self.notices);
        while let Some(address) = pending.first() {
            let left = deadline.saturating_duration_since(Instant::now());
            let notice = self
                .runtime
                .block_on(async { tokio::time::timeout(left, notices.next()).await });
            let Ok(Some((notice, _))) = notice else {
                return Err(KernelError::DetectionTimeout {
                    interface: link.name.clone(),
                    address: *address,
                    seconds: LONGEST.as_secs(),
                });
            };
            if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(message)) =
                notice.payload
            {
                let changed: Vec<_> = AddressState::read(&message).into_iter().collect();
                settle(&mut pending, link, &changed)?;
            }
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
