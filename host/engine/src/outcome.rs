mod contract;

use std::fmt;
use std::io;

use plan::ChangeKind;
use serde::{Deserialize, Serialize};
use wasmtime::Trap;

pub use self::contract::{Malformed, Misuse};
use crate::grants::Grant;
use crate::role::Role;
use crate::services::ServiceError;

/// A call of a plugin that did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}, {phase}: {outcome}")]
pub struct CallError {
    /// The plugin's name.
    pub plugin: String,
    /// What it was doing.
    pub phase: Phase,
    /// How it ended.
    #[source]
    pub outcome: Outcome,
}

/// What a plugin was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Being linked and instantiated, its start functions included.
    StartUp,
    /// `validate`.
    Validate,
    /// `allocate`.
    Allocate,
    /// `amend`.
    Amend,
    /// `release`.
    Release,
    /// `check`.
    Check,
    /// `status`.
    Status,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartUp => "start-up",
            Self::Validate => "validate",
            Self::Allocate => "allocate",
            Self::Amend => "amend",
            Self::Release => "release",
            Self::Check => "check",
            Self::Status => "status",
        })
    }
}

/// How a call ended that did not succeed. Told apart by type all the way down, never by the text of an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Outcome {
    /// The plugin itself said no.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It imports an interface that it was not granted.
    #[error(
        "it imports {import:?} but has no grant `{grant}`; add {:?} to its `grants` if it shall have that", grant.name()
    )]
    NotGranted {
        /// The import's name.
        import: String,
        /// What is missing.
        grant: Grant,
    },
    /// It asked for something during the call that it was not granted.
    #[error("it wanted to {wanted}, but has no grant `{grant}`; add {:?} to its `grants` if it shall do that", grant.name())]
    Ungranted {
        /// What it wanted, cut to 256 bytes and without control characters.
        wanted: String,
        /// What is missing.
        grant: Grant,
    },
    /// It can't be asked for this.
    #[error("it is no {wanted} plugin: it exports only {}", names(offered))]
    NoRole {
        /// What it was asked for.
        wanted: Role,
        /// What it offers.
        offered: Vec<Role>,
    },
    /// It executed too many instructions.
    #[error("it used up its fuel of {limit} units; `limits.fuel` raises that")]
    OutOfFuel {
        /// Units of fuel.
        limit: u64,
    },
    /// It took too long.
    #[error("it did not finish within {limit_ms} ms; `limits.deadlineMs` raises that")]
    DeadlineExceeded {
        /// Milliseconds.
        limit_ms: u32,
    },
    /// It wanted more memory, memories, tables or elements than it may have.
    #[error("it wanted {wanted} of {resource} and may have {limit}; `limits.{}` raises that", resource.key())]
    OutOfMemory {
        /// Of what.
        resource: Resource,
        /// How much in all.
        wanted: u64,
        /// How much it may have.
        limit: u64,
    },
    /// It called itself too deeply.
    #[error(
        "its call stack overflowed (512 KiB, which no setting raises): a recursion without end?"
    )]
    StackOverflow,
    /// It crashed.
    #[error("it crashed: {kind}")]
    Trapped {
        /// How.
        kind: Trap,
    },
    /// It ended itself by `wasi:cli/exit`.
    #[error("it exited with status {status} instead of answering")]
    Exited {
        /// The status, 0 for success.
        status: i32,
    },
    /// It called the host too often.
    #[error("it called the host more than {limit} times; `limits.hostCalls` raises that")]
    TooManyHostCalls {
        /// Calls.
        limit: u32,
    },
    /// It handed too much to the host.
    #[error("it handed more than {limit} bytes to the host; `limits.hostCallKiB` raises that")]
    TooManyHostCallBytes {
        /// Bytes, over all calls.
        limit: u64,
    },
    /// It handed over something that can't be read at all, or far too much in one go.
    #[error(
        "what it handed to the host can't be read, or exceeds {limit} bytes at once (`limits.hostCallKiB` and \
         `limits.answerKiB` raise that): {source:#}"
    )]
    Unreadable {
        /// Bytes.
        limit: u64,
        /// What wasmtime says.
        #[source]
        source: wasmtime::Error,
    },
    /// It proposed too many changes.
    #[error("it proposed more than {limit} changes; `limits.changes` raises that")]
    TooManyChanges {
        /// Changes.
        limit: u32,
    },
    /// Its answer is too large.
    #[error("its answer has {size} bytes and may have {limit}; `limits.answerKiB` raises that")]
    AnswerTooLarge {
        /// Bytes.
        size: u64,
        /// Bytes.
        limit: u64,
    },
    /// Its answer breaks the contract.
    #[error("its answer breaks the contract: {0}")]
    Malformed(#[from] Malformed),
    /// A change that it proposed breaks the contract.
    #[error("what it proposed by `{kind}` breaks the contract: {source}")]
    MalformedChange {
        /// The interface that it called.
        kind: ChangeKind,
        /// What is wrong.
        #[source]
        source: Malformed,
    },
    /// It asked for something that the contract forbids.
    #[error("it broke the contract: {0}")]
    Misused(Misuse),
    /// It does not fit together with this host: an import in another form, a missing function, too many instances.
    #[error(
        "it can't be instantiated (it may have {instances} core instances; `limits.instances` raises that): {source:#}"
    )]
    Instantiation {
        /// How many core instances it may have.
        instances: u32,
        /// What wasmtime says.
        #[source]
        source: wasmtime::Error,
    },
    /// The host's own store failed while it served the plugin.
    #[error("the host could not serve it: {0}")]
    Service(#[source] ServiceError),
    /// The kernel gave no timer to watch the deadline, and without it nothing is run.
    #[error("its deadline can't be watched, so it was not run: {0}")]
    NoWatchdog(#[source] io::Error),
}

fn names(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    names.join(" and ")
}

/// What [`Outcome::OutOfMemory`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Bytes of linear memory, all memories together.
    MemoryBytes,
    /// Linear memories.
    Memories,
    /// Tables.
    Tables,
    /// Elements of all tables together.
    TableElements,
}

impl Resource {
    fn key(self) -> &'static str {
        match self {
            Self::MemoryBytes => "memoryMiB",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::TableElements => "tableElements",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryBytes => "bytes of memory",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::TableElements => "table elements",
        })
    }
}

/// The plugin's own failure. Its text is cut to 4 KiB and holds no control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its configuration is wrong.
    #[error("{0}")]
    InvalidConfig(String),
    /// Nothing is left.
    #[error("{0}")]
    Exhausted(String),
    /// Refused.
    #[error("{0}")]
    Denied(String),
    /// May succeed soon.
    #[error("{0}")]
    RetryLater(String),
    /// It can't serve any request now.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
