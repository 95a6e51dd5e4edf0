//! The CNI verbs: plugins decide, the kernel acts, the store remembers.
//!
//! The only library that knows all five others. [`run`] is a whole call of the CNI executable; [`operator`] holds what
//! the operator's tool shows and mends.
//!
//! - `attach`: making an attachment or one stage's part of it; `chain`: the stages and what they see.
//! - `verbs`: ADD, DEL, CHECK, GC, STATUS, one file each; `detach` is what DEL, GC and sweep have in common.
//! - `ipam`: who decides about addresses (a plugin, another vendor's executable, nobody).
//! - `plugin_host`: what a plugin is given and told, whatever its role: leases, storage, log, the attachment.
//! - `sweep`, `quarantine`: finding what is gone without a runtime's help, and not trusting what is not proven.
//! - [`host`]: what the kernel can do and what the host has of its own, for the tool's diagnosis.
//! - `import`, `purge`: taking over what another plugin handed out, and giving a network up.
//! - [`dry_run`], [`explain`]: what would be done, and what was, as one picture.
//! - `failure`, `phase`, `report`, `remedy`: what can go wrong, when, its CNI code, and what to do; `subject` is whom it
//!   is about.

mod attach;
mod call;
mod chain;
mod clock;
mod contested_sysctl;
mod delegate;
mod detach;
pub mod dry_run;
mod executable;
pub mod explain;
mod failure;
mod firewall;
pub mod host;
mod identity;
mod import;
mod ipam;
mod log;
mod node;
pub mod operator;
mod phase;
mod plugin_host;
mod purge;
mod quarantine;
mod record;
mod remedy;
mod report;
mod restore;
mod result;
mod settings;
mod subject;
mod sweep;
mod sysctl_allow_list;
mod timing;
mod turn;
mod verbs;

pub use call::{Answer, Caller, run};
pub use engine::{Builtin, embed_builtin};
pub use executable::{is_any_build, is_same as is_same_executable};
pub use failure::Cause;
pub use log::{Level, printable};
pub use node::{BUILT_IN_IPAM, BUILT_IN_STAGES, is_built_in};
pub use settings::{SETTINGS_FILE, Settings, SettingsError};
pub use sysctl_allow_list::AllowListError;
