//! One call by the runtime, checked: each verb with exactly its fields.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::address_request::{AddressRequest, MacRequest};
use crate::attachment::{Attachment, ValidAttachment};
use crate::config::{NetworkConfig, PreviousResult};
use crate::environment::Environment;
use crate::error::Error;
use crate::pod::Pod;
use crate::role::Role;
use crate::trace::TraceParent;
use crate::verb::Verb;
use crate::version_report::VersionReport;

mod parse;

/// A call.
#[derive(Debug)]
pub enum Request {
    /// Attach.
    Add(Box<Add>),
    /// Detach.
    Del(Box<Del>),
    /// Compare.
    Check(Box<Check>),
    /// Remove what is stale.
    Gc(Box<Gc>),
    /// Tell whether ADD can be served.
    Status(Box<Status>),
    /// Tell the versions; this is the answer.
    Version(VersionReport),
}

/// What every call about a network has.
#[derive(Debug)]
pub struct Call {
    /// Which part we play.
    pub role: Role,
    /// The network config.
    pub config: NetworkConfig,
    /// The directories of `CNI_PATH` in their order; may be empty.
    pub search_path: Vec<PathBuf>,
    /// The caller's trace.
    pub trace_parent: Option<TraceParent>,
}

/// An ADD. For a [`Role::Stage`], `call.config.previous_result` is there.
#[derive(Debug)]
pub struct Add {
    /// Common to all calls.
    pub call: Call,
    /// What to make.
    pub attachment: Attachment,
    /// The container's network namespace.
    pub netns: PathBuf,
    /// Whether that may be the runtime's own one.
    pub netns_override: bool,
    /// The addresses that the caller asks for.
    pub addresses: Vec<AddressRequest>,
    /// The gateways that the caller names in `CNI_ARGS`, each for the networks that it lies in.
    pub gateways: Vec<IpAddr>,
    /// The hardware address that the caller asks for.
    pub mac: Option<MacRequest>,
    /// The pod, where known.
    pub pod: Option<Pod>,
}

/// A DEL. It must succeed with a network namespace that is gone, without `prevResult`, and with a
/// config that has become wrong.
#[derive(Debug)]
pub struct Del {
    /// Common to all calls. Sections of the config that could not be read are left out of it, so
    /// that a [`Role::Stage`] may lack `config.stage`.
    pub call: Call,
    /// What to remove.
    pub attachment: Attachment,
    /// The network namespace, which may be gone; `None` after a runtime has forgotten it.
    pub netns: Option<PathBuf>,
    /// Whether that may be the runtime's own one.
    pub netns_override: bool,
    /// The pod, where known.
    pub pod: Option<Pod>,
    /// What was wrong with the request and did not stop it; for the log.
    pub problems: Vec<Error>,
}

/// A CHECK.
#[derive(Debug)]
pub struct Check {
    /// Common to all calls.
    pub call: Call,
    /// What to compare.
    pub attachment: Attachment,
    /// The container's network namespace.
    pub netns: PathBuf,
    /// Whether that may be the runtime's own one.
    pub netns_override: bool,
    /// The final result of the ADD.
    pub previous_result: PreviousResult,
    /// The addresses that the caller asked for at ADD, and asks for now.
    pub addresses: Vec<AddressRequest>,
    /// The gateways that the caller names in `CNI_ARGS`, each for the networks that it lies in.
    pub gateways: Vec<IpAddr>,
    /// The pod, where known.
    pub pod: Option<Pod>,
}

/// A GC.
#[derive(Debug)]
pub struct Gc {
    /// Common to all calls.
    pub call: Call,
    /// The attachments of this network that are in use; all others are stale.
    pub valid: Vec<ValidAttachment>,
}

/// A STATUS.
#[derive(Debug)]
pub struct Status {
    /// Common to all calls.
    pub call: Call,
}

impl Request {
    /// Checks a call in the reference library's order: the network's name, the container id, the
    /// interface name, the version, the verb in that version, the rest of the config.
    ///
    /// `executable` is the last part of `argv[0]`. `stdin` is not looked at on VERSION beyond its
    /// `cniVersion`; read at most [`MAX_CONFIG_BYTES`](crate::config::MAX_CONFIG_BYTES) and one
    /// byte of it, so that what is too long is seen to be.
    ///
    /// # Errors
    /// [`Error`], with a code from 1 to 7.
    pub fn parse(
        executable: &OsStr,
        environment: &Environment,
        stdin: &[u8],
    ) -> Result<Self, Error> {
        parse::parse(executable, environment, stdin)
    }

    /// What it says of the network; VERSION says nothing.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Add(add) => Some(&add.call),
            Self::Del(del) => Some(&del.call),
            Self::Check(check) => Some(&check.call),
            Self::Gc(gc) => Some(&gc.call),
            Self::Status(status) => Some(&status.call),
            Self::Version(_) => None,
        }
    }

    /// The verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Add(_) => Verb::Add,
            Self::Del(_) => Verb::Del,
            Self::Check(_) => Verb::Check,
            Self::Gc(_) => Verb::Gc,
            Self::Status(_) => Verb::Status,
            Self::Version(_) => Verb::Version,
        }
    }
}

#[cfg(test)]
#[path = "request/request_tests.rs"]
mod tests;
