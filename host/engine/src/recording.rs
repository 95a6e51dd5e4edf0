//! A call kept as data: what the plugin was given, what the host answered, and what came of it. Run again with the same
//! answers, a plugin decides the same, so a decision can be looked at long after what led to it is gone.

mod exchange;
mod replay;
mod size;
mod tape;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plan::{Addressing, Change, Dns, Proposal};
use serde::{Deserialize, Serialize};

pub use self::exchange::{Answer, Bytes, HostAnswer, Question, Refusal};
pub use self::replay::{NotReplayable, Replayed};
use self::tape::Tape;
use crate::attachment::AttachmentInfo;
use crate::ipam::Ipam;
use crate::outcome::{CallError, Phase};
use crate::policy::Policy;
use crate::services::HostServices;

/// A call of `amend` or `allocate`. Its JSON form has at most [`RecordedCall::MOST_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCall {
    /// The plugin's name.
    pub plugin: String,
    /// `amend` of a policy, or `allocate` of an IPAM plugin.
    pub phase: Phase,
    /// The instant that the call saw.
    pub now: Instant,
    /// None: it was too large to be kept, so it can't be run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
}

/// What it takes to run a call again, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The attachment as the plugin saw it.
    pub attachment: AttachmentInfo,
    /// The configuration as the plugin saw it: JSON text.
    pub config: String,
    /// What a policy was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// The resolver that an IPAM plugin was shown, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<Dns>,
    /// What it asked of leases and storage and what it was told, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<HostAnswer>,
    /// What came of it.
    pub outcome: RecordedOutcome,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordedOutcome {
    /// A policy's changes.
    Changes(Vec<Change>),
    /// An IPAM plugin's decision.
    Addressing(Addressing),
    /// The text of the error.
    Failed(String),
}

/// An instant since 1970-01-01T00:00:00Z; one before that is recorded as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instant {
    /// Whole seconds.
    pub seconds: u64,
    /// Less than 1,000,000,000.
    pub nanoseconds: u32,
}

impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: since_epoch.as_secs(),
            nanoseconds: since_epoch.subsec_nanos(),
        }
    }
}

impl Instant {
    /// None: later than the system can tell, which no recording of ours is.
    fn time(self) -> Option<SystemTime> {
        let seconds = UNIX_EPOCH.checked_add(Duration::from_secs(self.seconds))?;
        seconds.checked_add(Duration::from_nanos(self.nanoseconds.into()))
    }
}

impl RecordedCall {
    /// What a call may have as JSON, in bytes; of a larger one only its head is kept.
    pub const MOST_BYTES: usize = 64 << 10;

    /// Keeps the recording if all fits.
    fn new(plugin: &str, phase: Phase, now: Instant, recording: Option<Recording>) -> Self {
        let head = Self {
            plugin: plugin.to_owned(),
            phase,
            now,
            recording: None,
        };
        let whole = Self {
            recording,
            ..head.clone()
        };
        if size::fits(&whole, Self::MOST_BYTES) {
            whole
        } else {
            head
        }
    }
}

impl Policy {
    /// [`Policy::amend`], and the call as data.
    pub fn amend_recorded(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        proposal: &Proposal,
    ) -> (Result<Vec<Change>, CallError>, RecordedCall) {
        let (tape, now) = (Tape::default(), services.now.into());
        let result = self.amend(tape.record(services), attachment, config, proposal);
        let recording = tape.answers().map(|answers| Recording {
            attachment: attachment.clone(),
            config: config.to_owned(),
            proposal: Some(proposal.clone()),
            resolver: None,
            answers,
            outcome: RecordedOutcome::of(&result, RecordedOutcome::Changes),
        });
        let call = RecordedCall::new(self.name(), Phase::Amend, now, recording);
        (result, call)
    }
}

impl Ipam {
    /// [`Ipam::allocate`], and the call as data.
    pub fn allocate_recorded(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        resolver: Option<&Dns>,
    ) -> (Result<Addressing, CallError>, RecordedCall) {
        let (tape, now) = (Tape::default(), services.now.into());
        let result = self.allocate(tape.record(services), attachment, config, resolver);
        let recording = tape.answers().map(|answers| Recording {
            attachment: attachment.clone(),
            config: config.to_owned(),
            proposal: None,
            resolver: resolver.cloned(),
            answers,
            outcome: RecordedOutcome::of(&result, RecordedOutcome::Addressing),
        });
        let call = RecordedCall::new(self.name(), Phase::Allocate, now, recording);
        (result, call)
    }
}

impl RecordedOutcome {
    fn of<T: Clone>(result: &Result<T, CallError>, succeeded: fn(T) -> Self) -> Self {
        match result {
            Ok(value) => succeeded(value.clone()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}
