//! Network namespaces: proof that a path is one, its identity, and the way into it.

mod visit;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use nix::{getsockopt_impl, sockopt_impl};
use plan::NetnsIdentity;

use crate::netlink::RouteSocket;
use visit::visit;

sockopt_impl!(
    /// The number that names a socket's network namespace until the next boot (Linux 5.14).
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);

/// A container's network namespace, held open.
#[derive(Debug, Clone)]
pub struct Netns(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    cookie: u64,
    route: RouteSocket,
    file: File,
}

impl Netns {
    /// Opens the namespace that a runtime named, and proves that it is a network namespace and not the caller's own.
    ///
    /// # Errors
    /// The path names nothing, something else, or the caller's own namespace.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NetnsError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netns").entered();
        let path = path.as_ref();
        let io_error = |source: io::Error| NetnsError::Io {
            path: path.to_owned(),
            source,
        };
        let file = open_namespace(path)?;
        let entered = visit(&file, || Ok((host_netns_cookie()?, RouteSocket::open()?)));
        let (cookie, route) = entered.map_err(|source| {
            // setns(2): the descriptor is of another kind of namespace.
            if source.raw_os_error() == Some(libc::EINVAL) {
                not_a_namespace(path)
            } else {
                io_error(source)
            }
        })?;
        if cookie == host_netns_cookie().map_err(|errno| io_error(errno.into()))? {
            return Err(NetnsError::Ours {
                path: path.to_owned(),
            });
        }
        Ok(Self(Arc::new(Open {
            path: path.to_owned(),
            cookie,
            route,
            file,
        })))
    }

    /// The namespace that the path names, if it names one: callers of IPAM plugins pass words instead (`host`), or the path
    /// of a namespace that is gone.
    ///
    /// # Errors
    /// It is the caller's own namespace, or one that can't be entered.
    pub fn find(path: impl AsRef<Path>) -> Result<Option<Self>, NetnsError> {
        match Self::open(path) {
            Ok(netns) => Ok(Some(netns)),
            Err(NetnsError::NotFound { .. } | NetnsError::NotANamespace { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What names it in a record. The nsid is None: see [`crate::Linux::assign_nsid`].
    #[must_use]
    pub fn identity(&self) -> NetnsIdentity {
        NetnsIdentity {
            cookie: self.0.cookie,
            path: self.0.path.to_string_lossy().into_owned(),
            nsid: None,
        }
    }

    /// Its cookie.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        self.0.cookie
    }

    /// A socket of the namespace.
    pub(crate) fn route(&self) -> &RouteSocket {
        &self.0.route
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.file.as_raw_fd()
    }

    /// Runs a function in the namespace, on the calling thread.
    pub(crate) fn run<T>(&self, function: impl FnOnce() -> T) -> Result<T, NetnsError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "netns").entered();
        visit(&self.0.file, || Ok(function())).map_err(|source| NetnsError::Io {
            path: self.0.path.clone(),
            source,
        })
    }
}

/// Opens a file that is a namespace of some kind.
pub(crate) fn open_namespace(path: &Path) -> Result<File, NetnsError> {
    let io_error = |source: io::Error| NetnsError::Io {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        // A FIFO must not hold us up.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => NetnsError::NotFound {
                path: path.to_owned(),
            },
            _ => io_error(source),
        })?;
    let filesystem = fstatfs(&file).map_err(|errno| io_error(errno.into()))?;
    if filesystem.filesystem_type() == NSFS_MAGIC {
        Ok(file)
    } else {
        Err(not_a_namespace(path))
    }
}

fn not_a_namespace(path: &Path) -> NetnsError {
    NetnsError::NotANamespace {
        path: path.to_owned(),
    }
}

/// The cookie of the calling thread's network namespace (`SO_NETNS_COOKIE`).
///
/// # Errors
/// No socket can be opened, or the kernel is older than 5.14.
pub fn host_netns_cookie() -> Result<u64, Errno> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    getsockopt(&socket, NetnsCookie)
}

/// A path can't be used as a container's network namespace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetnsError {
    /// Nothing is there.
    #[error("there is no network namespace at {}: the container is gone, or its path is wrong", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Something else is there, such as the empty file that stays when a namespace is unmounted.
    #[error("{} is not a network namespace", path.display())]
    NotANamespace {
        /// The path.
        path: PathBuf,
    },
    /// It is the namespace of the host itself.
    #[error("{} is the host's own network namespace, not a container's", path.display())]
    Ours {
        /// The path.
        path: PathBuf,
    },
    /// It can't be opened or entered.
    #[error("network namespace {}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
