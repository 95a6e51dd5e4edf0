use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use netlink_packet_route::address::AddressFlags;
use nix::errno::Errno;
use plan::{ContainerAddresses, Family};
use rtnetlink::LinkUnspec;

use super::{Linux, find_required, link_local, set};
use crate::netlink::{LinkState, address_message};
use crate::{KernelError, Netns, Place, sysctl};

/// How often, and how far apart, an old kernel is asked whether frames pass.
const READY_ATTEMPTS: u32 = 50;
const READY_PAUSE: Duration = Duration::from_millis(1);

impl Linux {
    pub(super) fn configure_addresses(
        &mut self,
        wanted: &ContainerAddresses,
    ) -> Result<(), KernelError> {
        let container = self.container(|| format!("configuring {}", wanted.interface))?;
        let link = find_required(container.route(), &wanted.interface, Place::Container)?;
        if has_ipv6(wanted) {
            prepare_ipv6(container, &link, wanted.duplicate_address_detection)?;
        }
        if !wanted.link_local && link.ipv6.is_some() {
            let message =
                LinkUnspec::new_with_index(link.index).append_extra_attribute(link_local::none());
            set(container.route(), message.build(), || {
                format!("leaving {} without a link-local address", wanted.interface)
            })?;
        }
        let detection = self.listen_if_detecting(container, wanted)?;
        for entry in &wanted.addresses {
            add(container, &link, entry.address, wanted)?;
        }
        if !link.up {
            let message = LinkUnspec::new_with_index(link.index).up();
            set(container.route(), message.build(), || {
                format!("setting {} up", wanted.interface)
            })?;
        }
        self.await_carrier()?;
        match detection {
            Some(detection) => detection.wait(container.route(), &link),
            None => Ok(()),
        }
    }

    /// Waits until frames pass between the container and the host: the kernel tells a bridge that the container came up
    /// only later, by itself, and drops what the container sends before.
    ///
    /// Since Linux 6.8 reading the link settles that, so there is nothing to wait for. On older ones it is a matter of
    /// microseconds, and no error if it takes longer.
    fn await_carrier(&self) -> Result<(), KernelError> {
        let Some(index) = self.host_end else {
            return Ok(());
        };
        for attempt in 0..READY_ATTEMPTS {
            let end = self
                .host
                .link_by_index(index, None)
                .map_err(|refusal| refusal.when("reading the host's end of the veth"))?;
            if end.is_none_or(|end| end.operational) {
                break;
            }
            if attempt > 0 {
                thread::sleep(READY_PAUSE);
            }
        }
        Ok(())
    }
}

pub(super) fn has_ipv6(wanted: &ContainerAddresses) -> bool {
    wanted
        .addresses
        .iter()
        .any(|entry| Family::of(entry.address.addr()) == Family::Ipv6)
}

/// Before the link comes up, so that its link-local address obeys too.
fn prepare_ipv6(netns: &Netns, link: &LinkState, detection: bool) -> Result<(), KernelError> {
    let settings = link.ipv6;
    let mut changes = Vec::new();
    // Without settings the kernel does not say: write them, and have a missing IPv6 reported.
    if settings.is_none_or(|settings| settings.disabled) {
        changes.push(("disable_ipv6", "0"));
    }
    if !detection && settings.is_none_or(|settings| settings.accept_dad != 0) {
        changes.push(("accept_dad", "0"));
    }
    // The reference plugins' choice: a container that sets its link down and up keeps its addresses.
    if settings.is_none_or(|settings| settings.keep_addr_on_down < 1) {
        changes.push(("keep_addr_on_down", "1"));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let interface = link.name.clone();
    netns.run(move || {
        changes.into_iter().try_for_each(|(parameter, value)| {
            sysctl::ensure(&sysctl::of_interface("ipv6", &interface, parameter), value)
        })
    })?
}

fn add(
    container: &Netns,
    link: &LinkState,
    address: IpNet,
    wanted: &ContainerAddresses,
) -> Result<(), KernelError> {
    let mut flags = AddressFlags::empty();
    if wanted.no_prefix_route {
        flags |= AddressFlags::Noprefixroute;
    }
    if matches!(address, IpNet::V6(_)) && !wanted.duplicate_address_detection {
        flags |= AddressFlags::Nodad;
    }
    match container
        .route()
        .add_address(address_message(link.index, address, flags))
    {
        Ok(()) => Ok(()),
        // The link has it: the kernel compares address and prefix, or for IPv6 the address.
        Err(refusal) if refusal.errno == Errno::EEXIST => Ok(()),
        Err(refusal) => Err(refusal.when(format!("adding {address} to {}", link.name))),
    }
}
