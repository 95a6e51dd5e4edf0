//! The blocking exchange with the kernel.
//!
//! rtnetlink works a request off inside `send`, so every answer lies in the receive queue when `send` returns and the next
//! part of a dump is made inside `recv`: nothing here waits for anything but the kernel's own work.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use netlink_packet_core::{
    DefaultNla, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkMessage, NetlinkPayload, Nla, NlasIterator, Parseable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;

use crate::{KernelError, Place};

/// The kernel makes no larger part of a dump (`netlink_dump`, net/netlink/af_netlink.c).
pub(super) const LARGEST_ANSWER: usize = 32 * 1024;
/// A table that keeps changing while it is read is read again this often.
const DUMP_ATTEMPTS: u32 = 16;

/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const EXTENDED_ACK_TEXT: u16 = 1;
/// `struct nlmsghdr` of the refused request, which precedes the attributes of an extended acknowledgement.
const REFUSED_HEADER: usize = 16;

/// A routing netlink socket. It belongs to the namespace of the thread that opened it, whoever uses it.
pub(crate) struct RouteSocket {
    socket: Socket,
    exchange: Mutex<Exchange>,
}

/// One request at a time is under way.
struct Exchange {
    /// Of the last request.
    sequence: u32,
    /// For answers, kept because to get memory costs more than to fill it.
    datagram: Vec<u8>,
}

impl fmt::Debug for RouteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteSocket").field(&self.socket).finish()
    }
}

impl RouteSocket {
    /// Opens a socket in the namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netlink").entered();
        let socket = Socket::new(NETLINK_ROUTE)?;
        // Strict: the kernel filters dumps by what the request names, instead of answering with everything.
        socket.set_netlink_get_strict_chk(true)?;
        // Errors with a text, and without a copy of the request that was refused.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            exchange: Mutex::new(Exchange {
                sequence: 0,
                datagram: Vec::with_capacity(LARGEST_ANSWER),
            }),
        })
    }

    /// Sends a request and waits for its acknowledgement. Answers come before it, so that an answer that can't be
    /// decoded does not leave us waiting.
    pub(crate) fn request(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        if !is_question(&message) {
            fault_point::before("a change of links, addresses, routes or queues");
        }
        self.exchange(message, NLM_F_REQUEST | NLM_F_ACK | flags)
            .map(|answer| answer.messages)
    }

    /// Reads a table, again when it changed meanwhile.
    pub(crate) fn dump(
        &self,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        for _ in 0..DUMP_ATTEMPTS {
            let answer = self.exchange(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            if !answer.interrupted {
                return Ok(answer.messages);
            }
        }
        Err(Refusal::from(Errno::EINTR))
    }

    fn exchange(&self, message: RouteNetlinkMessage, flags: u16) -> Result<Answer, Refusal> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netlink").entered();
        let mut exchange = self.exchange.lock().unwrap_or_else(PoisonError::into_inner);
        exchange.sequence = exchange.sequence.wrapping_add(1);
        let sequence = exchange.sequence;
        let request = bytes(message, flags, sequence);
        retry(|| self.socket.send(&request, 0))?;
        let mut answer = Answer::default();
        loop {
            receive(&self.socket, &mut exchange.datagram, 0)?;
            for message in messages(&exchange.datagram) {
                // Whatever is left of a request that was given up is not ours.
                if message.header.sequence_number == sequence && answer.add(message)? {
                    return Ok(answer);
                }
            }
        }
    }
}

fn bytes(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut request = NetlinkMessage::from(message);
    request.header.flags = flags;
    request.header.sequence_number = sequence;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    bytes
}

/// The next datagram, in place of what the buffer holds.
pub(super) fn receive(
    socket: &Socket,
    datagram: &mut Vec<u8>,
    flags: libc::c_int,
) -> Result<(), Refusal> {
    datagram.clear();
    let length = retry(|| socket.recv(datagram, flags | libc::MSG_TRUNC))?;
    if length > datagram.len() {
        return Err(Refusal::from(Errno::EMSGSIZE));
    }
    Ok(())
}

/// The messages of a datagram that can be decoded.
pub(super) fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(NetlinkBuffer::new_checked(rest).ok()?.length()).ok()?;
        let (message, behind) = rest.split_at_checked(length)?;
        let padding = length.next_multiple_of(4) - length;
        rest = behind.get(padding..).unwrap_or_default();
        Some(NetlinkMessage::deserialize(message).ok())
    })
    .flatten()
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> Result<T, Refusal> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map_err(|error| Refusal::from(errno(&error))),
        }
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Does it change nothing?
fn is_question(message: &RouteNetlinkMessage) -> bool {
    matches!(
        message,
        RouteNetlinkMessage::GetLink(_)
            | RouteNetlinkMessage::GetAddress(_)
            | RouteNetlinkMessage::GetNeighbour(_)
            | RouteNetlinkMessage::GetRoute(_)
            | RouteNetlinkMessage::GetRule(_)
            | RouteNetlinkMessage::GetQueueDiscipline(_)
            | RouteNetlinkMessage::GetTrafficFilter(_)
            | RouteNetlinkMessage::GetNsId(_)
    )
}

#[derive(Default)]
struct Answer {
    messages: Vec<RouteNetlinkMessage>,
    interrupted: bool,
}

impl Answer {
    /// Was it the last message of the answer?
    fn add(&mut self, message: NetlinkMessage<RouteNetlinkMessage>) -> Result<bool, Refusal> {
        self.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => {
                self.messages.push(inner);
                Ok(false)
            }
            NetlinkPayload::Error(error) => refused(&error).map(|()| true),
            NetlinkPayload::Done(done) if done.code < 0 => {
                Err(Refusal::from(Errno::from_raw(done.code.saturating_neg())))
            }
            NetlinkPayload::Done(_) => Ok(true),
            // The receive buffer overflowed: answers are missing.
            NetlinkPayload::Overrun(_) => Err(Refusal::from(Errno::ENOBUFS)),
            _ => Ok(false),
        }
    }
}

fn refused(error: &ErrorMessage) -> Result<(), Refusal> {
    match error.code {
        None => Ok(()),
        Some(_) => Err(Refusal {
            errno: Errno::from_raw(error.raw_code().saturating_neg()),
            detail: kernel_words(&error.header),
        }),
    }
}

/// The text of an extended acknowledgement, at most 256 characters.
fn kernel_words(payload: &[u8]) -> Option<String> {
    let attributes = payload.get(REFUSED_HEADER..)?;
    for attribute in NlasIterator::new(attributes) {
        let attribute = DefaultNla::parse(&attribute.ok()?).ok()?;
        if attribute.kind() == EXTENDED_ACK_TEXT {
            let mut bytes = vec![0; attribute.value_len()];
            attribute.emit_value(&mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            return Some(text.trim_end_matches('\0').chars().take(256).collect());
        }
    }
    None
}

/// What the kernel answered instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: Errno,
    pub(crate) detail: Option<String>,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self {
            errno,
            detail: None,
        }
    }
}

impl Refusal {
    /// The gateway of a route can't be reached by what is there.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(
            self.errno,
            Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EINVAL
        )
    }

    /// No module of the kernel makes links of the kind. Another refusal with this number has other words.
    pub(crate) fn is_unknown_kind(&self) -> bool {
        let said = self.detail.as_deref();
        self.errno == Errno::EOPNOTSUPP
            && said.is_none_or(|said| said.contains("Unknown device type"))
    }

    /// The error of giving an interface a name, which another may have.
    pub(crate) fn when_naming(
        self,
        name: &str,
        place: Place,
        doing: impl Into<String>,
    ) -> KernelError {
        match self.errno {
            Errno::EEXIST => KernelError::InterfaceExists {
                name: name.to_owned(),
                place,
            },
            _ => self.when(doing),
        }
    }

    /// The error, once it is known what was being done.
    pub(crate) fn when(self, doing: impl Into<String>) -> KernelError {
        let doing = doing.into();
        match self.errno {
            Errno::EPERM | Errno::EACCES => KernelError::Permission { doing },
            errno => KernelError::Netlink {
                doing,
                errno,
                detail: self.detail,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words_are_found() {
        let mut payload = vec![0; REFUSED_HEADER];
        payload.extend([12, 0, 1, 0]);
        payload.extend(b"no way\0\0");
        assert_eq!(kernel_words(&payload).as_deref(), Some("no way"));
    }

    #[test]
    fn torn_acknowledgements_have_no_words() {
        for payload in [&[][..], &[0; 15], &[0; 18], &[0xff; 24]] {
            assert_eq!(kernel_words(payload), None, "{payload:?}");
        }
    }
}
