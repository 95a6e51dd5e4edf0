use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use cni::ids::{ContainerId, InterfaceName, NetworkName};
use serde_json::Value;

use super::StateArgs;
use crate::net::cache;

/// `wasm-cnictl net …`
#[derive(Debug, Subcommand)]
pub(crate) enum NetCommand {
    /// Attach a network namespace; when a plugin fails, the whole chain is taken back.
    Add(AddArgs),
    /// Detach; works without the namespace and without the configuration file.
    Del(DelArgs),
    /// Ask the plugins whether an attachment is as it was made.
    Check(CheckArgs),
    /// Delete attachments whose namespace is gone, then let the plugins drop all that is not in use.
    Gc(GcArgs),
    /// Ask the plugins whether they could serve an ADD now.
    Status(StatusArgs),
    /// Take away what belongs to a network and to no attachment: bridges that were made for it,
    /// rules, leases that cool down, storage of its plugins. For a network that is given up.
    Purge(PurgeArgs),
    /// Put back our rules, and what we share with the host, that a firewall's reload or a flush took
    /// away: those of all networks.
    Restore(StateArgs),
}

/// Where configuration, executables and results are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Places {
    /// Directory of network configurations.
    #[arg(long, value_name = "DIR", default_value = "/etc/cni/net.d")]
    pub(crate) conf_dir: PathBuf,
    /// Directories of plugin executables, separated by colons, searched in order.
    #[arg(long, value_name = "DIRS", default_value = "/opt/cni/bin:/usr/lib/cni")]
    pub(crate) cni_path: String,
    /// Directory in which the results of `net add` are kept.
    #[arg(long, value_name = "DIR", default_value = cache::DEFAULT_DIRECTORY)]
    pub(crate) cache_dir: PathBuf,
}

/// Which attachment.
#[derive(Debug, Clone, Args)]
pub(crate) struct AttachmentArgs {
    /// The interface's name inside the namespace.
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    pub(crate) ifname: InterfaceName,
    /// The container's id; follows from the namespace's name unless given.
    #[arg(long, value_name = "ID")]
    pub(crate) container_id: Option<ContainerId>,
}

/// `wasm-cnictl net add`
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The network: its name, or the path of its file (with a slash).
    pub(crate) network: String,
    /// The namespace: its name as `ip netns` knows it, or a path.
    pub(crate) netns: String,
    #[command(flatten)]
    pub(crate) attachment: AttachmentArgs,
    /// An argument for plugins that declare the capability, e.g. 'ips=["10.1.0.9"]'. Repeatable.
    #[arg(long = "cap", value_name = "NAME=JSON", value_parser = capability)]
    pub(crate) capabilities: Vec<(String, Value)>,
    /// The variable CNI_ARGS, e.g. 'IgnoreUnknown=1;K8S_POD_NAME=web'.
    #[arg(long, value_name = "K=V;…")]
    pub(crate) args: Option<String>,
    /// The key args.cni of each plugin's configuration, e.g. '{"ips":["10.1.0.9"]}'.
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(crate) cni_args: Option<Value>,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// `wasm-cnictl net del`
#[derive(Debug, Args)]
pub(crate) struct DelArgs {
    /// The network: its name, or the path of its file (with a slash).
    pub(crate) network: String,
    /// The namespace; not needed where --container-id is given.
    #[arg(required_unless_present = "container_id")]
    pub(crate) netns: Option<String>,
    #[command(flatten)]
    pub(crate) attachment: AttachmentArgs,
    /// Call every plugin though one fails, and forget the attachment. An address may then be handed
    /// out again while something of the old attachment still uses it.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// `wasm-cnictl net check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The network: its name, or the path of its file (with a slash).
    pub(crate) network: String,
    /// The namespace; not needed where --container-id is given.
    #[arg(required_unless_present = "container_id")]
    pub(crate) netns: Option<String>,
    #[command(flatten)]
    pub(crate) attachment: AttachmentArgs,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// `wasm-cnictl net gc`
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// The network: its name, or the path of its file (with a slash).
    pub(crate) network: String,
    /// Only say what is in use and what would be deleted.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Another directory in which runtimes on libcni keep results, besides /var/lib/cni/results
    /// (containerd, CRI-O); what they attached is in use. Repeatable.
    #[arg(long, value_name = "DIR")]
    pub(crate) runtime_results: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// `wasm-cnictl net status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The network: its name, or the path of its file (with a slash).
    pub(crate) network: String,
    #[command(flatten)]
    pub(crate) places: Places,
}

/// `wasm-cnictl net purge`
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// The network's name; its file need not exist any more.
    pub(crate) network: NetworkName,
    /// Detach what is attached first, and forget addresses that may be in use. Containers lose
    /// their interfaces.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) places: StateArgs,
}

pub(super) fn capability(text: &str) -> anyhow::Result<(String, Value)> {
    let (name, argument) = text
        .split_once('=')
        .context("write it as NAME=JSON, e.g. mac=\"02:00:00:00:00:01\"")?;
    Ok((name.to_owned(), json(argument)?))
}

pub(super) fn json(text: &str) -> anyhow::Result<Value> {
    serde_json::from_str(text).context("it is not JSON; a text needs double quotes of its own")
}
