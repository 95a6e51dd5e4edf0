//! What may be asked on the command line.

mod doctor;
mod explain;
mod install;
mod net;
mod plugin;
mod state;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use doctor::DoctorArgs;
pub(crate) use explain::{ExplainArgs, PlanArgs};
pub(crate) use install::NodeInstallArgs;
pub(crate) use net::{
    AddArgs, AttachmentArgs, CheckArgs, DelArgs, GcArgs, NetCommand, Places, PurgeArgs, StatusArgs,
};
pub(crate) use plugin::{
    AdapterArgs, CompileArgs, ComponentizeArgs, InspectArgs, InstallArgs, ListArgs, PluginCommand,
    RemoveArgs, StoreArgs,
};
pub(crate) use state::{
    AttachmentCommand, AttachmentListArgs, FormerPlugin, GarbageArgs, ImportArgs, LeaseCommand,
    LeaseListArgs, LeaseStateArg, ReleaseArgs, ShowArgs, StateArgs,
};

/// Examine a node, install plugins, run networks by hand, look at leases and attachments.
///
/// Exit status: 0 done, 1 failed, 2 wrong usage; that of `doctor` is for monitoring.
#[derive(Debug, Parser)]
#[command(name = "wasm-cnictl", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Answer as JSON on standard output, in documented and stable fields.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subjects.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put wasm-cni into a runtime's directory of CNI executables, also in the place of the reference
    /// plugins, or take it back. Repeats change nothing.
    Install(NodeInstallArgs),
    /// Install, look at and build plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Run a network as a container runtime would, other vendors' plugins included.
    #[command(subcommand)]
    Net(NetCommand),
    /// Addresses that are not free.
    #[command(subcommand)]
    Lease(LeaseCommand),
    /// Attachments that wasm-cni has made, whichever runtime asked for them.
    #[command(subcommand)]
    Attachment(AttachmentCommand),
    /// Look for what keeps this node's networks from working, or will by and by, and say what to do.
    ///
    /// Changes nothing: what the kernel can do is tried in namespaces of its own. Exit status for
    /// monitoring: 0 nothing to do, 1 warnings, 2 errors.
    Doctor(DoctorArgs),
    /// Clean up after attachments that are provably gone, as calls of wasm-cni do by and by: their
    /// rules, records and addresses. What lives, and what can't be proven gone, stays.
    Gc(GarbageArgs),
    /// Show what a network would do for an attachment, without doing it and without root: what each
    /// plugin would see, want and be refused, the steps that follow, and how they are undone.
    ///
    /// Plugins run on leases and storage that begin empty. Of the links that an earlier entry's
    /// result tells on the host, the first is taken for the bridge and the last for the host's end
    /// of the container's veth; a single one for that end. Other vendors' plugins are not run.
    Plan(Box<PlanArgs>),
    /// Show the same of an attachment that was made, from its record.
    Explain(ExplainArgs),
    /// Print a completion script, e.g. for /usr/share/bash-completion/completions/wasm-cnictl.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_exit_status_2() {
        for line in [
            "wasm-cnictl",
            "wasm-cnictl net add pods",
            "wasm-cnictl net del pods",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        let error = parse("wasm-cnictl net add pods x --cap ips").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation);
        let error = parse("wasm-cnictl net add pods x --ifname a/b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation);
    }

    #[test]
    fn json_may_stand_anywhere() {
        assert!(parse("wasm-cnictl net status pods --json").unwrap().json);
        assert!(
            parse("wasm-cnictl --json net del pods --container-id c")
                .unwrap()
                .json
        );
    }
}
