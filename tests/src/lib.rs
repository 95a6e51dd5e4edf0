//! What the integration tests stand on.
//!
//! - [`Node`]: a private machine: its own mounts, network and processes, gone with the test.
//! - [`Pod`]: a network namespace inside a node, for one container.
//! - [`Outside`]: what lies behind a node's uplink.
//! - [`Network`], [`Conflist`], [`CniCall`], [`Reply`]: calling CNI executables as a runtime does.
//! - [`Responder`], [`Transfer`], [`SctpWatch`]: packets, and what they tell where they arrive.
//! - [`Snapshot`], [`View`], [`Node::leftovers`]: what the kernel and our state say.
//! - [`Background`]: a server beside the test.
//! - [`Containerd`], [`Podman`]: real runtimes inside a node.

#![allow(
    clippy::indexing_slicing,
    reason = "test code reads JSON; a panic is a failed test"
)]

mod artifacts;
mod background;
mod call;
mod conflist;
mod containerd;
mod image;
mod kernel_view;
mod leftovers;
mod network;
mod node;
mod outcome;
mod outside;
mod place;
mod plugin;
mod pod;
mod podman;
mod requirement;
mod responder;
mod sctp;
mod snapshot;
mod throughput;
mod view;

pub use artifacts::{binary, with_fault_points, workspace};
pub use background::{Background, wait_for};
pub use call::{CniCall, CniFailure, Reply};
pub use conflist::Conflist;
pub use containerd::{Container, Containerd};
pub use network::Network;
pub use node::{BIN_DIR, Node, REFERENCE_PLUGINS, executables};
pub use outcome::Outcome;
pub use outside::Outside;
pub use place::Place;
pub use plugin::{DEMANDING_GRANTS, guest, install_plugin, install_script};
pub use pod::{Pod, in_netns};
pub use podman::{Podman, PodmanContainer};
pub use requirement::{link_kind, root, skip};
pub use responder::{Responder, Transport, is_silent, source_seen};
pub use sctp::{SctpWatch, send_sctp_init};
pub use snapshot::Snapshot;
pub use throughput::Transfer;
pub use view::{View, comparable_result};
