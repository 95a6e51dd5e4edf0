//! The blocking exchange with the kernel.
//!
//! nfnetlink works a request off inside `send`, so every answer lies in the receive queue when `send` returns and the
//! next part of a dump is made inside `recv`: nothing here ever waits.

use std::fmt;
use std::io;

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use nix::sys::socket::{setsockopt, sockopt};

use super::NftError;
use super::batch::Batch;
use super::error::{Object, Operation};
use super::message::{self, Answer, Content};

/// The kernel makes no larger part of a dump (`netlink_dump`, net/netlink/af_netlink.c).
const LARGEST_ANSWER: usize = 32 * 1024;
/// Batches above this do not fit the default send buffer (`net.core.wmem_default`).
const SMALL_BATCH: usize = 64 * 1024;
/// A dump during which the ruleset changed is read again this often.
const DUMP_ATTEMPTS: u32 = 100;

pub(super) struct Connection {
    socket: Socket,
    answer: Vec<u8>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.socket).finish()
    }
}

/// A request for objects.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// `NFT_MSG_GET…`, `IPCTNL_MSG_CT_…`
    pub(super) kind: libc::c_int,
    pub(super) object: Object,
    /// What is asked for, for errors.
    pub(super) name: String,
    /// What follows the netlink header.
    pub(super) payload: Vec<u8>,
}

impl Connection {
    pub(super) fn open() -> Result<Self, NftError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "nft").entered();
        let failed = |action| move |cause| NftError::Socket { action, cause };
        let socket = Socket::new(NETLINK_NETFILTER).map_err(failed("open"))?;
        // Errors with a text, and without a copy of the request that was refused.
        socket.set_ext_ack(true).map_err(failed("set up"))?;
        socket.set_cap_ack(true).map_err(failed("set up"))?;
        Ok(Self {
            socket,
            answer: Vec::with_capacity(LARGEST_ANSWER),
        })
    }

    /// Sends the batch: all of it is done, or nothing.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<(), NftError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "nft").entered();
        if batch.is_empty() {
            return Ok(());
        }
        let finished = batch.finish();
        if finished.bytes.len() > SMALL_BATCH {
            self.widen(finished.bytes.len());
        }
        fault_point::before("a change of nftables");
        self.send(&finished.bytes)?;
        let mut acknowledged = false;
        let mut refusal = None;
        // After a refusal, all that is queued is read away, for it would be mistaken for the next request's answer.
        while !acknowledged || refusal.is_some() {
            let Some(datagram) = self.receive()? else {
                break;
            };
            for Answer {
                sequence, content, ..
            } in message::answers(datagram)
            {
                match content {
                    Content::Refused { errno, text } => {
                        refusal.get_or_insert((sequence, errno, text));
                    }
                    Content::Done => acknowledged |= sequence == finished.last,
                    Content::Object(_) => {}
                }
            }
        }
        match refusal {
            Some((sequence, errno, text)) => Err(finished.refused(sequence, errno, text)),
            None if acknowledged => Ok(()),
            None => Err(NftError::Answer {
                object: finished.name(finished.last),
            }),
        }
    }

    /// Has one thing done that is no part of a batch.
    pub(super) fn order(
        &mut self,
        request: &Request,
        operation: Operation,
    ) -> Result<(), NftError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "nft").entered();
        fault_point::before("a change of tracked connections");
        self.ask(request, libc::NLM_F_ACK)?;
        let unintelligible = || NftError::Answer {
            object: request.name.clone(),
        };
        let datagram = self.receive()?.ok_or_else(unintelligible)?;
        let answer = message::answers(datagram).next();
        match answer.ok_or_else(unintelligible)?.content {
            Content::Done => Ok(()),
            Content::Object(_) => Err(unintelligible()),
            Content::Refused { errno, text } => Err(NftError::Refused {
                operation,
                object: request.name.clone(),
                cause: io::Error::from_raw_os_error(errno),
                text,
            }),
        }
    }

    /// Asks for one object; `None` if there is none (ENOENT).
    pub(super) fn get<T>(
        &mut self,
        request: &Request,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, NftError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "nft").entered();
        self.ask(request, 0)?;
        let unintelligible = || NftError::Answer {
            object: request.name.clone(),
        };
        let datagram = self.receive()?.ok_or_else(unintelligible)?;
        let answer = message::answers(datagram).next();
        match answer.ok_or_else(unintelligible)?.content {
            Content::Object(object) => decode(object).map(Some).ok_or_else(unintelligible),
            Content::Done => Err(unintelligible()),
            Content::Refused { errno, .. } if errno == libc::ENOENT => Ok(None),
            Content::Refused { errno, text } => Err(request.refused(errno, text)),
        }
    }

    /// Asks for all objects that the request names; none if what holds them is missing.
    pub(super) fn dump<T>(
        &mut self,
        request: &Request,
        mut decode: impl FnMut(&[u8], &mut Vec<T>) -> Option<()>,
    ) -> Result<Vec<T>, NftError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "nft").entered();
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(found) = self.dump_once(request, &mut decode)? {
                return Ok(found);
            }
        }
        Err(NftError::Contended {
            object: request.name.clone(),
            attempts: DUMP_ATTEMPTS,
        })
    }

    fn dump_once<T>(
        &mut self,
        request: &Request,
        decode: &mut impl FnMut(&[u8], &mut Vec<T>) -> Option<()>,
    ) -> Result<Option<Vec<T>>, NftError> {
        self.ask(request, libc::NLM_F_DUMP)?;
        let unintelligible = || NftError::Answer {
            object: request.name.clone(),
        };
        let mut found = Vec::new();
        let mut interrupted = false;
        let mut readable = true;
        while let Some(datagram) = self.receive()? {
            for answer in message::answers(datagram) {
                interrupted |= answer.interrupted;
                match answer.content {
                    // What cannot be decoded is told after the dump's end, lest its rest be taken for another answer.
                    Content::Object(object) => readable &= decode(object, &mut found).is_some(),
                    Content::Done if !readable => return Err(unintelligible()),
                    Content::Done => return Ok((!interrupted).then_some(found)),
                    Content::Refused {
                        errno: libc::EINTR, ..
                    } => return Ok(None),
                    Content::Refused {
                        errno: libc::ENOENT,
                        ..
                    } => return Ok(Some(Vec::new())),
                    Content::Refused { errno, text } => return Err(request.refused(errno, text)),
                }
            }
        }
        Err(unintelligible())
    }

    fn ask(&mut self, request: &Request, flags: libc::c_int) -> Result<(), NftError> {
        let mut bytes = Vec::new();
        let kind = message::kind_of(request.object.subsystem(), request.kind);
        message::append(&mut bytes, kind, flags, 0, |buffer| {
            buffer.extend(&request.payload);
        });
        self.send(&bytes)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), NftError> {
        retry(|| self.socket.send(bytes, 0))
            .map(|_| ())
            .map_err(|cause| NftError::Socket {
                action: "write to",
                cause,
            })
    }

    /// The next datagram, or `None` if none is queued.
    fn receive(&mut self) -> Result<Option<&[u8]>, NftError> {
        self.answer.clear();
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        let received = retry(|| self.socket.recv(&mut self.answer, flags));
        match received {
            Ok(length) if length > self.answer.len() => Err(NftError::Socket {
                action: "read from",
                cause: io::Error::from_raw_os_error(libc::EMSGSIZE),
            }),
            Ok(_) => Ok(Some(&self.answer)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(cause) => Err(NftError::Socket {
                action: "read from",
                cause,
            }),
        }
    }

    /// Makes room in the send buffer, which must hold a batch as a whole.
    fn widen(&self, length: usize) {
        let room = length.saturating_mul(2);
        // Refused in some user namespaces: then the system-wide limit decides, and a batch above it fails with EMSGSIZE.
        if setsockopt(&self.socket, sockopt::SndBufForce, &room).is_err() {
            let _ = setsockopt(&self.socket, sockopt::SndBuf, &room);
        }
    }
}

impl Request {
    fn refused(&self, errno: i32, text: Option<String>) -> NftError {
        NftError::Refused {
            operation: Operation::Read(self.object),
            object: self.name.clone(),
            cause: io::Error::from_raw_os_error(errno),
            text,
        }
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
