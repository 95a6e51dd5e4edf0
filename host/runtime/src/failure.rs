use std::fmt;

use cni::convert::ResultError;
use cni::error::Error as RequestError;
use kernel::{ApplyError, KernelError, NetnsError};
use plan::{Mismatch, Problem};
use store::{LockError, StoreError};

use crate::delegate::DelegateError;
use crate::phase::Phase;
use crate::settings::SettingsError;
use crate::subject::{Subject, shortened};
use crate::sysctl_allow_list::AllowListError;

/// A call that did not succeed: where, and why.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    /// Whom the call is about.
    pub(crate) subject: &'a Subject,
    /// Why.
    pub(crate) cause: &'a Cause,
}

/// Everything that can go wrong. `report.rs` gives each its CNI code, `phase.rs` its phase, `remedy.rs` what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The request can't be served as it stands.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// The node's settings can't be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Something that identifies the node can't be read.
    #[error("{what} can't be read: {source}")]
    Node {
        /// What.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The container's namespace can't be used.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// The `link` section is wrong.
    #[error("the link section is wrong: {}", .0.join("; "))]
    Link(Vec<String>),
    /// A key of the `link` section is not known, or its value is of the wrong form.
    #[error("the link section is wrong: {error}{}", if .value.is_empty() { String::new() } else { format!(" (the value is {})", shortened(.value)) })]
    LinkShape {
        /// What is wrong.
        error: plan::LinkError,
        /// The key's value as JSON; empty where there is none.
        value: String,
    },
    /// A stage by itself needs something to work on.
    #[error(
        "the entry names a stage of a chain and has no prevResult: put it behind the entry that makes the interface"
    )]
    NoStage,
    /// A stage of the chain could not be run, or failed.
    #[error("stage {stage}: {cause}")]
    Stage {
        /// The stage.
        stage: plan::StageName,
        /// Why.
        cause: Box<Cause>,
    },
    /// The stages of a chain do not go together, or ask for what they may not have.
    #[error("the chain is refused, and nothing was applied: {}", list(.0))]
    Chain(Vec<plan::Objection>),
    /// The list of allowed sysctls can't be used.
    #[error(transparent)]
    AllowList(#[from] AllowListError),
    /// The address that the request asks for belongs to another attachment.
    #[error("address {address}, which was asked for, belongs to attachment {holder}")]
    RequestedAddress {
        /// The plugin that refused it.
        plugin: String,
        /// The address.
        address: std::net::IpAddr,
        /// Who has it, or had it until a moment ago.
        holder: Box<plan::Attachment>,
    },
    /// What had been made before could not be taken back.
    #[error("{cause}; besides, {clean_up}")]
    NotTakenBack {
        /// Why it was to be taken back.
        cause: Box<Cause>,
        /// Why that was not done.
        clean_up: String,
    },
    /// A stage adds an address that it can't have.
    #[error("address {address}, which a stage of the chain adds, can't be had: {source}")]
    AddedAddress {
        /// The address.
        address: std::net::IpAddr,
        /// Why.
        source: engine::ReserveError,
    },
    /// A stage changes addresses that another vendor's IPAM gives.
    #[error(
        "a stage of the chain changes the interface's addresses, and this network's are given by another vendor's IPAM, or by none: whether they are free can't be known"
    )]
    ForeignAddresses,
    /// Two entries of the list have flow rules.
    #[error(
        "flow rules of this attachment were set by the entry {plugin:?} of the list already: put both stages into one `chain`"
    )]
    FlowsElsewhere {
        /// The earlier one.
        plugin: String,
    },
    /// The link takes no addresses, or needs them.
    #[error("{0}")]
    IpamSection(String),
    /// The `resolvConf` file can't be read.
    #[error("the file {path} that ipam.resolvConf names can't be read: {source}")]
    ResolvConf {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another container has the device.
    #[error("{device} is given to network {}, container {}, interface {} already", shortened(&.holder.network), shortened(&.holder.container_id), .holder.interface_name)]
    DeviceTaken {
        /// The device.
        device: String,
        /// Who has it.
        holder: Box<plan::Attachment>,
    },
    /// The attachment is there.
    #[error("the container is attached to this network by this interface already")]
    AlreadyAttached,
    /// The attachment's former state is neither there nor proven gone.
    #[error("an earlier attachment of this name is neither there nor proven gone: {0}")]
    Unproven(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another call holds the attachment.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another build of this program delegates to us.
    #[error(
        "{}, which runs this plugin, is another build of wasm-cni: it holds the attachment until this plugin has answered, so neither can go on", .executable.display()
    )]
    OtherBuild {
        /// The one that runs us.
        executable: std::path::PathBuf,
    },
    /// WebAssembly can't be run here.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// A plugin can't be loaded.
    #[error(transparent)]
    Load(#[from] engine::LoadError),
    /// An installed plugin can't be used.
    #[error(transparent)]
    PluginStore(#[from] engine::StoreError),
    /// The configuration names a grant that does not exist.
    #[error(transparent)]
    Grant(#[from] engine::UnknownGrant),
    /// The configuration's limits are wrong.
    #[error("`limits` is wrong: {0}")]
    Limits(String),
    /// A plugin said no, or broke a rule.
    #[error(transparent)]
    Plugin(#[from] engine::CallError),
    /// The IPAM plugin's answer breaks the network's rules.
    #[error("the answer of IPAM plugin {plugin:?} is refused: {}", list(.problems))]
    Answer {
        /// Whose answer.
        plugin: String,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// What other calls store keeps changing under the plugin.
    #[error(
        "plugin {plugin:?} was run {tries} times, and each time another call had changed what it read"
    )]
    Contended {
        /// The plugin.
        plugin: String,
        /// How often.
        tries: u32,
    },
    /// The addressing does not fit the link.
    #[error("no plan can be made: {}", .0.join("; "))]
    Plan(Vec<String>),
    /// A step failed.
    #[error(transparent)]
    Apply(#[from] Box<ApplyError>),
    /// The kernel could not be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Another vendor's executable failed.
    #[error(transparent)]
    Delegate(#[from] DelegateError),
    /// A result can't be read or written.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// CHECK: there is no record.
    #[error("nothing is recorded of this attachment")]
    NoRecord,
    /// CHECK: something is missing or different.
    #[error("not as it was made: {}", list(.0))]
    Differs(Vec<Mismatch>),
    /// CHECK: the namespace is another one.
    #[error("{path} is another network namespace than the one that was attached")]
    OtherNetns {
        /// The path.
        path: String,
    },
    /// Something could not be removed.
    #[error("not everything could be removed: {}", .0.join("; "))]
    CleanUp(Vec<String>),
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Cause {
    /// Says which stage of a chain it is about.
    pub(crate) fn in_stage(self, stage: &plan::StageName) -> Self {
        Self::Stage {
            stage: stage.clone(),
            cause: Box::new(self),
        }
    }

    /// The plugin that it is about, where that is another one than the entry's own, and the cause itself.
    fn culprit(&self) -> (Option<String>, &Self) {
        match self {
            Self::Stage { stage, cause } => (Some(stage.to_string()), cause),
            Self::Plugin(error) => (Some(error.plugin.clone()), self),
            Self::Answer { plugin, .. }
            | Self::Contended { plugin, .. }
            | Self::RequestedAddress { plugin, .. } => (Some(plugin.clone()), self),
            Self::Chain(objections) => {
                let stage = objections.first().map(plan::Objection::stage);
                (stage.map(ToString::to_string), self)
            }
            Self::Delegate(error) => (Some(error.delegate()), self),
            _ => (None, self),
        }
    }
}

/// `network N, container C, interface I, plugin P, phase X of VERB: cause`, without what is not known.
impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.subject.to_string();
        if !about.is_empty() {
            write!(f, "{about}, ")?;
        }
        let (culprit, cause) = self.cause.culprit();
        let plugin = culprit.unwrap_or_else(|| self.subject.plugin.clone());
        write!(f, "plugin {plugin}, phase {}", Phase::of(cause))?;
        if let Some(verb) = self.subject.verb {
            write!(f, " of {verb}")?;
        }
        match cause {
            // Plugin and phase are told already.
            Cause::Plugin(error) => write!(f, ": {}", error.outcome),
            cause => write!(f, ": {cause}"),
        }
    }
}
