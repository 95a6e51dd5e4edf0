//! Runs plugins: WebAssembly components that decide about addresses ([`Ipam`]) or propose changes to an attachment
//! ([`Policy`]) and can do nothing else.
//!
//! # Trust
//! A plugin is not trusted. What it can reach is what it imports; what it imports is checked by name before it is linked
//! ([`AuditError`]), an installed plugin is not linked without the [`Grants`] for all of that, and each call of the host is
//! checked against them again. Each call of an installed plugin gets a store and an instance of its own. Each call has every
//! [`Limits`] field in force, and each way of breaking one is its own [`Outcome`]. What a plugin answers is checked again.
//!
//! Precompiled code *is* trusted, since it is native code with all rights of this process. It comes from two places: the
//! executable itself ([`embed_builtin!`]) and the [`PluginStore`], which takes in components only, compiles them itself, and
//! checks owner and mode of everything on the way to a file before it maps it. [`Engine`] can't compile; `compile` exists
//! with the feature `compiler` alone.
//!
//! # Same input, same answer
//! A plugin sees one instant per call, random numbers that follow from its input, canonical NaNs and no relaxed SIMD, so that
//! a call can be run again to explain a decision ([`RecordedCall`]). WASI is linked where a plugin imports it, with everything denied: no
//! files, environment, arguments, sockets or input, and waits return at once.

mod attachment;
mod audit;
mod bindings;
mod builtin;
mod call;
mod code_memory;
#[cfg(feature = "compiler")]
mod compile;
mod digest;
mod engine;
mod grants;
mod host;
mod ipam;
mod lift;
mod limits;
mod link;
mod lower;
mod outcome;
mod plugin;
mod policy;
mod recording;
mod role;
mod running;
mod sandbox;
mod services;
mod settings;
mod store;
mod text;
mod wasi;
mod watchdog;

pub use attachment::{AddressRequest, AttachmentInfo, Pod, RequestSource};
pub use audit::{AuditError, Interface};
pub use builtin::Builtin;
#[cfg(feature = "compiler")]
pub use compile::{CompileError, compile};
pub use engine::{Engine, EngineError, LoadError};
pub use grants::{Grant, Grants, UnknownGrant};
pub use ipam::Ipam;
pub use limits::Limits;
pub use outcome::{CallError, Failure, Malformed, Misuse, Outcome, Phase, Resource};
pub use plugin::Plugin;
pub use policy::Policy;
pub use recording::{
    Answer, Bytes, HostAnswer, Instant, NotReplayable, Question, RecordedCall, RecordedOutcome,
    Recording, Refusal, Replayed,
};
pub use role::Role;
pub use services::{
    AddressRange, HostServices, Leases, LogLevel, LogSink, ReserveError, Scope, ServiceError,
    Storage, StorageError, UsageCount,
};
pub use settings::Target;
pub use store::{Distrust, Manifest, ManifestError, PluginStore, StoreError};
