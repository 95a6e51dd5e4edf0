//! What the kernel tracks of connections (ctnetlink; include/uapi/linux/netfilter/nfnetlink_conntrack.h).
//!
//! What becomes of a datagram is decided once, when its connection is tracked: rules that come later are not asked until the
//! entry is gone. Streams begin anew by themselves.

mod tuple;

use std::net::IpAddr;

use plan::{Family, Transport};

use super::attribute::{Attributes, find};
use super::error::{Object, Operation};
use super::expression::family_number;
use super::socket::Request;
use super::{Nft, NftError};
use tuple::Wanted;

/// `IPCTNL_MSG_CT_…`
mod message {
    pub(super) const GET: i32 = 1;
    pub(super) const DELETE: i32 = 2;
}
/// `CTA_…`
mod attribute {
    pub(super) const ORIGINAL: u16 = 1;
    pub(super) const REPLY: u16 = 2;
    pub(super) const ZONE: u16 = 18;
    pub(super) const FILTER: u16 = 25;
}
/// `CTA_FILTER_…`
mod filter {
    pub(super) const ORIGINAL_FLAGS: u16 = 1;
    pub(super) const REPLY_FLAGS: u16 = 2;
}

impl Nft {
    /// Forgets what is tracked of datagrams from and to these addresses. It was tracked for who had them before, and rules
    /// are for packets that begin a flow.
    ///
    /// The kernel picks them (Linux 6.8), except by addresses of IPv6; where it can't, it is asked for them first. Either way
    /// it walks all that it tracks.
    ///
    /// # Errors
    /// What the kernel refuses. It is none that there is no such connection.
    pub fn forget_datagrams(&mut self, addresses: &[IpAddr]) -> Result<(), NftError> {
        addresses
            .iter()
            .flat_map(|address| Selection::of_address(*address))
            .try_for_each(|selection| self.forget_selected(&selection))
    }

    fn forget_selected(&mut self, selection: &Selection) -> Result<(), NftError> {
        if !selection.is_comparable() {
            return self.forget_one_by_one(selection);
        }
        match self.flush(selection) {
            // Older kernels take it for the description of one connection, which lacks an address.
            Err(error) if matches!(error.errno(), Some(libc::EINVAL | libc::ENOENT)) => {
                self.forget_one_by_one(selection)
            }
            done => done,
        }
    }

    fn flush(&mut self, selection: &Selection) -> Result<(), NftError> {
        self.connection.order(
            &selection.request(message::DELETE),
            Operation::Delete(Object::Connections),
        )
    }

    fn forget_one_by_one(&mut self, selection: &Selection) -> Result<(), NftError> {
        for connection in self.tracked(selection)? {
            let request = selection.request_for(&connection);
            match self
                .connection
                .order(&request, Operation::Delete(Object::Connections))
            {
                // It ended meanwhile.
                Err(error) if error.errno() == Some(libc::ENOENT) => {}
                done => done?,
            }
        }
        Ok(())
    }

    fn tracked(&mut self, selection: &Selection) -> Result<Vec<Connection>, NftError> {
        let request = selection.request(message::GET);
        self.connection.dump(&request, |attributes, found| {
            // The kernel compares not all of it, and before 5.8 nothing.
            found.extend(selection.pick(attributes));
            Some(())
        })
    }
}

/// Connections of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selection {
    family: Family,
    original: Wanted,
    reply: Wanted,
    /// For errors.
    name: String,
}

/// What a single connection is named by.
#[derive(Debug, PartialEq, Eq)]
struct Connection {
    original: Vec<u8>,
    zone: Option<Vec<u8>>,
}

impl Selection {
    /// All datagrams that an address began to send, and all that it answers, whatever others know it by.
    fn of_address(address: IpAddr) -> [Self; 2] {
        let anything = Wanted {
            protocol: Transport::Udp.number(),
            source: None,
        };
        let sent = Wanted {
            source: Some(address),
            ..anything
        };
        [(sent, anything), (anything, sent)].map(|(original, reply)| Self {
            family: Family::of(address),
            original,
            reply,
            name: format!("tracked datagrams of {address}"),
        })
    }

    fn is_comparable(&self) -> bool {
        self.original.is_comparable() && self.reply.is_comparable()
    }

    fn request(&self, kind: i32) -> Request {
        let (original, reply) = (self.original.comparable(), self.reply.comparable());
        self.write(kind, |attributes| {
            attributes
                .nest(attribute::ORIGINAL, |tuple| original.encode(tuple))
                .nest(attribute::REPLY, |tuple| reply.encode(tuple))
                .nest(attribute::FILTER, |filter| {
                    // Not in network byte order, unlike all else.
                    filter
                        .bytes(filter::ORIGINAL_FLAGS, &original.flags().to_ne_bytes())
                        .bytes(filter::REPLY_FLAGS, &reply.flags().to_ne_bytes());
                });
        })
    }

    fn request_for(&self, connection: &Connection) -> Request {
        self.write(message::DELETE, |attributes| {
            attributes.nested(attribute::ORIGINAL, &connection.original);
            if let Some(zone) = &connection.zone {
                attributes.bytes(attribute::ZONE, zone);
            }
        })
    }

    fn write(&self, kind: i32, fill: impl FnOnce(&mut Attributes<'_>)) -> Request {
        // `struct nfgenmsg`
        let mut payload = vec![family_number(self.family) as u8, 0, 0, 0];
        fill(&mut Attributes::new(&mut payload));
        Request {
            kind,
            object: Object::Connections,
            name: self.name.clone(),
            payload,
        }
    }

    /// The connection that the kernel describes, if it is one of these.
    fn pick(&self, attributes: &[u8]) -> Option<Connection> {
        let original = find(attributes, attribute::ORIGINAL)?;
        let reply = find(attributes, attribute::REPLY)?;
        let picked = self.original.is(original) && self.reply.is(reply);
        picked.then(|| Connection {
            original: original.to_owned(),
            zone: find(attributes, attribute::ZONE).map(<[u8]>::to_owned),
        })
    }
}

#[cfg(test)]
mod tests;
