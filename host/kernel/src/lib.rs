//! Performs and undoes steps on the Linux kernel by netlink: links, addresses, routes, nftables, sysctls.
//!
//! The only crate that touches the kernel, and it decides nothing: what to do is data ([`plan::Step`], [`plan::Undo`]).
//!
//! - [`Kernel`]: what a transaction drives; [`Linux`] is the real one.
//! - [`apply`]: performs steps in order and takes everything back when one fails.
//! - [`Netns`]: a network namespace, proven to be one and not the caller's own.
//!
//! No thread that anybody else uses changes its namespace: each [`Netns`] has a thread of its own, and sockets that were
//! opened by it stay in the namespace.

mod error;
mod journal;
mod kernel;
mod linux;
mod netlink;
mod netns;
pub mod nft;
mod probe;
mod process;
mod sysctl;
mod transaction;

pub use error::{KernelError, Place};
pub use journal::{Journal, NoJournal};
pub use kernel::{Kernel, LinkFact, Performed, Presence, Side, Undone};
pub use linux::{
    ContainerInterface, HostBridge, HostDeviceFound, HostPeer, HostPrefix, Linux, PrefixOrigin,
    Purged, RemoteInterface, RemoteInterfaces, TaggedLink, UntaggedLink, VethHostEnd,
};
pub use netns::{Netns, NetnsError, host_netns_cookie};
pub use nft::{ForeignPort, ForwardFilter, NftError};
pub use probe::in_throwaway_namespaces;
pub use process::processor_time;
pub use transaction::{Applied, ApplyError, CleanUpFailure, apply};
