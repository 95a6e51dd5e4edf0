use std::os::fd::RawFd;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use nix::errno::Errno;

use super::{Refusal, RouteSocket};

/// `NETNSA_NSID_NOT_ASSIGNED`; in a request, any free one.
const NOT_ASSIGNED: i32 = -1;

fn ids(answers: Vec<RouteNetlinkMessage>) -> impl Iterator<Item = i32> {
    answers
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewNsId(message) => Some(message),
            _ => None,
        })
        .flat_map(|message| message.attributes)
        .filter_map(|attribute| match attribute {
            NsidAttribute::Id(nsid) if nsid != NOT_ASSIGNED => Some(nsid),
            _ => None,
        })
}

fn message(attributes: impl IntoIterator<Item = NsidAttribute>) -> NsidMessage {
    let mut message = NsidMessage::default();
    message.attributes.extend(attributes);
    message
}

fn descriptor(namespace: RawFd) -> NsidAttribute {
    // Descriptors are never negative.
    NsidAttribute::Fd(namespace.cast_unsigned())
}

/// Small numbers by which the socket's namespace knows others (`RTM_NEWNSID`). One belongs to its namespace until that
/// dies, and may then be given to another.
impl RouteSocket {
    /// The id of an open namespace; None when it has none.
    pub(crate) fn nsid(&self, namespace: RawFd) -> Result<Option<i32>, Refusal> {
        let request = message([descriptor(namespace)]);
        self.request(RouteNetlinkMessage::GetNsId(request), 0)
            .map(|answers| ids(answers).next())
    }

    /// The id of an open namespace, given now if it has none.
    pub(crate) fn assign_nsid(&self, namespace: RawFd) -> Result<Option<i32>, Refusal> {
        if let Some(nsid) = self.nsid(namespace)? {
            return Ok(Some(nsid));
        }
        let request = message([NsidAttribute::Id(NOT_ASSIGNED), descriptor(namespace)]);
        match self.request(RouteNetlinkMessage::NewNsId(request), 0) {
            Ok(_) => self.nsid(namespace),
            // Another process gave one meanwhile.
            Err(refusal) if refusal.errno == Errno::EEXIST => self.nsid(namespace),
            Err(refusal) => Err(refusal),
        }
    }

    pub(crate) fn nsids(&self) -> Result<Vec<i32>, Refusal> {
        self.dump(&RouteNetlinkMessage::GetNsId(message([])))
            .map(|answers| ids(answers).collect())
    }
}
