use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use netlink_packet_core::{
    DefaultNla, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkMessage, NetlinkPayload, Nla, NlasIterator, Parseable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::AsyncSocket;
use nix::errno::Errno;
use rtnetlink::Handle;
use tokio::runtime::{Builder, Runtime};

use crate::KernelError;

/// A table that keeps changing while it is read is read again this often.
const DUMP_ATTEMPTS: u32 = 16;

/// `NLMSGERR_ATTR_MSG`: the kernel's own words.
const EXTENDED_ACK_TEXT: u16 = 1;
/// `struct nlmsghdr` of the refused request, which precedes the attributes of an extended acknowledgement.
const REFUSED_HEADER: usize = 16;

/// A routing netlink socket. It belongs to the namespace of the thread that opened it, whoever uses it.
///
/// Not for use inside another asynchronous runtime: each request blocks.
pub(crate) struct RouteSocket {
    runtime: Arc<Runtime>,
    handle: Handle,
}

impl fmt::Debug for RouteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteSocket").finish_non_exhaustive()
    }
}

impl RouteSocket {
    /// What drives sockets: on the thread that waits for an answer, and only while it waits.
    pub(crate) fn runtime() -> io::Result<Arc<Runtime>> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netlink").entered();
        Builder::new_current_thread()
            .enable_all()
            .build()
            .map(Arc::new)
    }

    /// Opens a socket in the namespace of the calling thread.
    pub(crate) fn open(runtime: &Arc<Runtime>) -> io::Result<Self> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netlink").entered();
        let context = runtime.enter();
        // Strict: the kernel filters dumps by what the request names, instead of answering with everything.
        let (mut connection, handle, _) = rtnetlink::new_connection_with_strict_check()?;
        let socket = connection.socket_mut().socket_mut();
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        // The end of a dump may say that it was interrupted.
        connection.set_forward_done(true);
        drop(context);
        runtime.spawn(connection);
        Ok(Self {
            runtime: Arc::clone(runtime),
            handle,
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
        let mut request = NetlinkMessage::from(message);
        request.header.flags = flags;
        let mut handle = self.handle.clone();
        // All of it inside: to wake the runtime from outside takes a system call.
        self.runtime.block_on(async {
            let answers = handle.request(request);
            let mut answers = pin!(answers.map_err(|_| Refusal::from(Errno::EPIPE))?);
            let mut answer = Answer::default();
            while let Some(message) = answers.next().await {
                answer.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => answer.messages.push(inner),
                    NetlinkPayload::Error(error) => refused(&error)?,
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(Refusal::from(Errno::from_raw(-done.code)));
                    }
                    // The receive buffer overflowed: answers are missing.
                    NetlinkPayload::Overrun(_) => return Err(Refusal::from(Errno::ENOBUFS)),
                    _ => {}
                }
            }
            Ok(answer)
        })
    }
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
