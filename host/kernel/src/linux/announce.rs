use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED};
use netlink_packet_route::link::{AfSpecUnspec, LinkAttribute, LinkMessage};
use plan::{Announcement, Family};
use rtnetlink::LinkUnspec;

use super::{Linux, find_required, set};
use crate::{KernelError, Place, sysctl};

/// `linux/socket.h`.
const AF_INET: u16 = 2;
/// `linux/if_link.h`.
const IFLA_INET_CONF: u16 = 1;
/// `linux/ip.h`.
const IPV4_DEVCONF_ARP_NOTIFY: u16 = 22;

impl Linux {
    /// Has the kernel tell the neighbours where the interface's addresses are now, so that none sends to the Ethernet
    /// address of their last holder: a gratuitous ARP request, an unsolicited neighbour advertisement that overrides.
    ///
    /// The kernel does so, where `arp_notify` and `ndisc_notify` are set, when an interface gets its Ethernet address;
    /// being given the one that it has is enough. By itself it would speak when the interface comes up, before the
    /// bridge at the other end forwards. Frames of our own need a packet socket, and to close one waits for all
    /// processors (`synchronize_net`): 8 to 25 ms.
    ///
    /// An interface that is down has nobody to tell, and the kernel keeps silent.
    pub(super) fn announce(&mut self, wanted: &Announcement) -> Result<(), KernelError> {
        let doing = || format!("announcing the addresses of {}", wanted.interface);
        let container = self.container(doing)?;
        let link = find_required(container.route(), &wanted.interface, Place::Container)?;
        let Some(mac) = link.mac else {
            return Ok(());
        };
        let speaks = |family| {
            let mut addresses = wanted.addresses.iter();
            addresses.any(|address| Family::of(*address) == family)
        };
        if speaks(Family::Ipv4) {
            set(container.route(), arp_notify(link.index), doing)?;
        }
        if speaks(Family::Ipv6) {
            let parameter = sysctl::of_interface("ipv6", &link.name, "ndisc_notify");
            container.run(move || sysctl::ensure(&parameter, "1"))??;
        }
        let message = LinkUnspec::new_with_index(link.index).address(mac.0.to_vec());
        set(container.route(), message.build(), doing)
    }
}

/// Sets `net.ipv4.conf.….arp_notify` by netlink, which has no such way for `ndisc_notify`.
fn arp_notify(index: u32) -> LinkMessage {
    LinkUnspec::new_with_index(index)
        .append_extra_attribute(arp_notify_attribute())
        .build()
}

pub(super) fn arp_notify_attribute() -> LinkAttribute {
    // `IFLA_INET_CONF` in `IFLA_AF_SPEC`: a parameter's number and its value (`inet_set_link_af`).
    let parameter = DefaultNla::new(IPV4_DEVCONF_ARP_NOTIFY, 1_u32.to_ne_bytes().to_vec());
    let parameters = DefaultNla::new(IFLA_INET_CONF | NLA_F_NESTED, bytes(&parameter));
    let family = DefaultNla::new(AF_INET | NLA_F_NESTED, bytes(&parameters));
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Other(family)])
}

fn bytes(attribute: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.buffer_len()];
    attribute.emit(&mut bytes);
    bytes
}
