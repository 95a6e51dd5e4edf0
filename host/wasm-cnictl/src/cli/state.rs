use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cni::ids::{ContainerId, InterfaceName, NetworkName};

/// `wasm-cnictl lease …`
#[derive(Debug, Subcommand)]
pub(crate) enum LeaseCommand {
    /// List addresses that are not free.
    List(LeaseListArgs),
    /// Free an address at once. Refused while an attachment on record holds it.
    Release(ReleaseArgs),
    /// Take over addresses that another plugin has handed out, while the containers run: each
    /// becomes a lease and an attachment on record if an interface of this machine has it. DEL by
    /// wasm-cni then removes that interface. Repeats are harmless; the other plugin's files stay.
    Import(ImportArgs),
}

/// `wasm-cnictl attachment …`
#[derive(Debug, Subcommand)]
pub(crate) enum AttachmentCommand {
    /// List attachments.
    List(AttachmentListArgs),
    /// Show one attachment: its state, addresses, what was done and how it is undone.
    Show(ShowArgs),
}

/// Where the node keeps its state.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Directory of the state that dies with the boot, instead of the node's own.
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,
    /// Directory of the state that survives it, instead of the node's own.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// The states of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LeaseStateArg {
    /// Reserved by an ADD that has not ended.
    Pending,
    /// In use by an attachment.
    Held,
    /// Released not long ago; handed out again when nothing else is left, or after a while.
    Cooling,
    /// Its link could not be proven gone; never handed out.
    Quarantined,
}

/// `wasm-cnictl lease list`
#[derive(Debug, Args)]
pub(crate) struct LeaseListArgs {
    /// Only this network's.
    #[arg(long)]
    pub(crate) network: Option<NetworkName>,
    /// Only those in this state.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) state: Option<LeaseStateArg>,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// `wasm-cnictl lease release`
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// The network.
    pub(crate) network: NetworkName,
    /// The address.
    pub(crate) address: IpAddr,
    /// Free it though an attachment holds it. Two containers may then get the same address.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// Plugins whose reservations can be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormerPlugin {
    /// The reference plugin host-local.
    HostLocal,
}

/// `wasm-cnictl lease import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The plugin that handed them out.
    #[arg(long, value_enum, value_name = "PLUGIN")]
    pub(crate) from: FormerPlugin,
    /// Its data directory, which holds a directory for each network.
    #[arg(default_value = "/var/lib/cni/networks")]
    pub(crate) directory: PathBuf,
    /// Only this network's.
    #[arg(long)]
    pub(crate) network: Option<NetworkName>,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// `wasm-cnictl attachment list`
#[derive(Debug, Args)]
pub(crate) struct AttachmentListArgs {
    /// Only this network's.
    #[arg(long)]
    pub(crate) network: Option<NetworkName>,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// `wasm-cnictl attachment show`
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The network.
    pub(crate) network: NetworkName,
    /// The container's id.
    pub(crate) container_id: ContainerId,
    /// The interface's name inside the container.
    #[arg(default_value = "eth0")]
    pub(crate) interface_name: InterfaceName,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

/// `wasm-cnictl gc`
#[derive(Debug, Args)]
pub(crate) struct GarbageArgs {
    /// Only this network's.
    #[arg(long)]
    pub(crate) network: Option<NetworkName>,
    /// Only say what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}
