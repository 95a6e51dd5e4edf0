use std::io;

use anyhow::{Context, Result, bail, ensure};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_sys::SocketAddr;
use netlink_sys::protocols::NETLINK_ROUTE;

/// A blocking routing netlink socket of the namespace of the thread that opened it.
pub(crate) struct Socket(netlink_sys::Socket);

/// A message, and what it asks for besides an acknowledgement.
pub(crate) struct Request {
    message: RouteNetlinkMessage,
    flags: u16,
}

impl Request {
    pub(crate) fn new(message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { message, flags }
    }
}

impl Socket {
    pub(crate) fn open() -> Result<Self> {
        let mut socket = netlink_sys::Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// All in one send; each is acknowledged.
    pub(crate) fn send(&mut self, requests: &[Request]) -> Result<()> {
        let mut bytes = Vec::new();
        for (number, request) in (1..).zip(requests) {
            append(&mut bytes, number, request, NLM_F_ACK);
        }
        self.0.send(&bytes, 0)?;
        let mut acknowledged = 0;
        while acknowledged < requests.len() {
            for payload in self.receive()? {
                match payload {
                    NetlinkPayload::Error(error) if error.code.is_none() => acknowledged += 1,
                    NetlinkPayload::Error(error) => return Err(error.to_io().into()),
                    other => bail!("not an acknowledgement: {other:?}"),
                }
            }
        }
        Ok(())
    }

    pub(crate) fn link_index(&mut self, name: &str) -> Result<u32> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let request = Request::new(RouteNetlinkMessage::GetLink(link), 0);
        let mut bytes = Vec::new();
        append(&mut bytes, 1, &request, 0);
        self.0.send(&bytes, 0)?;
        match self.receive()?.into_iter().next() {
            Some(NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))) => {
                Ok(link.header.index)
            }
            Some(NetlinkPayload::Error(error)) => Err(error.to_io()).context(name.to_owned()),
            other => bail!("{name}: {other:?}"),
        }
    }

    fn receive(&self) -> Result<Vec<NetlinkPayload<RouteNetlinkMessage>>> {
        let (bytes, _) = self.0.recv_from_full()?;
        let mut rest = bytes.as_slice();
        let mut payloads = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|error| io::Error::other(error.to_string()))?;
            let length = usize::try_from(message.header.length)?.next_multiple_of(4);
            ensure!(length > 0, "an empty message");
            rest = rest.get(length..).unwrap_or_default();
            payloads.push(message.payload);
        }
        Ok(payloads)
    }
}

fn append(bytes: &mut Vec<u8>, number: u32, request: &Request, flags: u16) {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | request.flags | flags;
    header.sequence_number = number;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request.message.clone()));
    message.finalize();
    let start = bytes.len();
    bytes.resize(start + message.buffer_len(), 0);
    if let Some(place) = bytes.get_mut(start..) {
        message.serialize(place);
    }
}
