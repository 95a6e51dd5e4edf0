//! Telling the neighbours where an address is now, so that none sends to the Ethernet address of its last holder.
//!
//! Frames of our own and not `arp_notify` and `ndisc_notify`: the kernel sends those at the moment that a link comes up,
//! before the bridge at the other end forwards, and they need two more sysctls.

mod frame;

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket,
};
use plan::Announcement;

use super::{Linux, find_required};
use crate::{KernelError, Place};

impl Linux {
    /// A link that is not up has nobody to tell, which is no error; anything else that keeps a frame from being sent is.
    pub(super) fn announce(&mut self, wanted: &Announcement) -> Result<(), KernelError> {
        let doing = || format!("announcing the addresses of {}", wanted.interface);
        let container = self.container(doing)?;
        let link = find_required(&container.route, &wanted.interface, Place::Container)?;
        let frames: Vec<_> = wanted
            .addresses
            .iter()
            .map(|address| frame::announcement(wanted.mac, *address))
            .collect();
        let sent = container
            .netns
            .run(move || frames.iter().try_for_each(|frame| send(link.index, frame)))?;
        match sent {
            Ok(()) | Err(Errno::ENETDOWN) => Ok(()),
            Err(errno) => Err(KernelError::Netlink {
                doing: doing(),
                errno,
                detail: None,
            }),
        }
    }
}

/// Sends a whole Ethernet frame through an interface of the calling thread's namespace.
fn send(interface: u32, frame: &[u8]) -> Result<(), Errno> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let to = interface_address(interface).ok_or(Errno::EINVAL)?;
    sendto(socket.as_raw_fd(), frame, &to, MsgFlags::empty()).map(drop)
}

fn interface_address(interface: u32) -> Option<LinkAddr> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET.try_into().ok()?,
        sll_protocol: 0,
        sll_ifindex: interface.try_into().ok()?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>().try_into().ok()?;
    #[allow(unsafe_code, reason = "nix offers no other way to make a LinkAddr")]
    // SAFETY: the pointer is to a whole `sockaddr_ll` that lives until the end of the call, whose family says so, and
    // the length is its own.
    unsafe {
        LinkAddr::from_raw((&raw const address).cast(), Some(length))
    }
}
