use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::socket::{LARGEST_ANSWER, Refusal, messages, receive};

/// `RTNLGRP_IPV6_IFADDR` (`linux/rtnetlink.h`).
const IPV6_ADDRESSES: u32 = 9;

/// What the kernel tells of its own accord, in the namespace of the thread that began to listen.
pub(crate) struct Notices {
    socket: Socket,
    datagram: Vec<u8>,
}

impl Notices {
    /// Listens to changes of IPv6 addresses.
    pub(crate) fn of_ipv6_addresses() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(IPV6_ADDRESSES)?;
        Ok(Self {
            socket,
            datagram: Vec::with_capacity(LARGEST_ANSWER),
        })
    }

    /// The next ones; None when there are none until the deadline.
    pub(crate) fn next(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<Vec<RouteNetlinkMessage>>, Refusal> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, left) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        receive(&self.socket, &mut self.datagram, libc::MSG_DONTWAIT)?;
        let told = messages(&self.datagram).filter_map(|message| match message.payload {
            NetlinkPayload::InnerMessage(inner) => Some(inner),
            _ => None,
        });
        Ok(Some(told.collect()))
    }
}
