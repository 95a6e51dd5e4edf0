mod player;

use std::sync::{Arc, Mutex, PoisonError};

use plan::Change;
use serde::Serialize;

use self::player::{Log, Player};
use super::{RecordedCall, RecordedOutcome, Recording};
use crate::ipam::Ipam;
use crate::outcome::Phase;
use crate::policy::Policy;
use crate::services::{HostServices, LogLevel};

/// What came of running a recorded call again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What was different, in words; nothing: the plugin asked and decided the same.
    pub differences: Vec<String>,
    /// What came of it this time.
    pub outcome: RecordedOutcome,
    /// What the plugin said meanwhile.
    pub log: Vec<(LogLevel, String)>,
}

impl Replayed {
    /// Was everything as recorded?
    #[must_use]
    pub fn same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Why a recorded call was not run again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayable {
    /// Only its head was kept.
    #[error(
        "the call was too large to be kept (more than {} KiB), so it can't be run again",
        RecordedCall::MOST_BYTES >> 10
    )]
    TooLarge,
    /// It is a call of something else.
    #[error("this is a recording of plugin {plugin}, {phase}, and not one of {instead}")]
    OtherCall {
        /// The recorded plugin.
        plugin: String,
        /// What it was doing.
        phase: Phase,
        /// What was to be run.
        instead: String,
    },
    /// It was not recorded by this program.
    #[error("the recording is damaged: {0}")]
    Damaged(&'static str),
}

impl Policy {
    /// Runs a recorded `amend` again with the answers that the host gave then. Nothing of the host is asked or changed.
    ///
    /// # Errors
    /// It can't be run again, or is no call of this plugin.
    pub fn replay(&self, call: &RecordedCall) -> Result<Replayed, NotReplayable> {
        let recording = call.recording_of(self.name(), Phase::Amend)?;
        let proposal = recording.proposal.as_ref();
        let proposal = proposal.ok_or(NotReplayable::Damaged("there is no proposal"))?;
        replay(call, recording, |services| {
            let (attachment, config) = (&recording.attachment, &recording.config);
            let result = self.amend(services, attachment, config, proposal);
            RecordedOutcome::of(&result, RecordedOutcome::Changes)
        })
    }
}

impl Ipam {
    /// Runs a recorded `allocate` again with the answers that the host gave then. Nothing of the host is asked or changed.
    ///
    /// # Errors
    /// It can't be run again, or is no call of this plugin.
    pub fn replay(&self, call: &RecordedCall) -> Result<Replayed, NotReplayable> {
        let recording = call.recording_of(self.name(), Phase::Allocate)?;
        let resolver = recording.resolver.as_ref();
        replay(call, recording, |services| {
            let (attachment, config) = (&recording.attachment, &recording.config);
            let result = self.allocate(services, attachment, config, resolver);
            RecordedOutcome::of(&result, RecordedOutcome::Addressing)
        })
    }
}

impl RecordedCall {
    fn recording_of(&self, plugin: &str, phase: Phase) -> Result<&Recording, NotReplayable> {
        if self.plugin != plugin || self.phase != phase {
            return Err(NotReplayable::OtherCall {
                plugin: self.plugin.clone(),
                phase: self.phase,
                instead: format!("{plugin}, {phase}"),
            });
        }
        self.recording.as_ref().ok_or(NotReplayable::TooLarge)
    }
}

fn replay(
    call: &RecordedCall,
    recording: &Recording,
    run: impl FnOnce(HostServices) -> RecordedOutcome,
) -> Result<Replayed, NotReplayable> {
    let now = call.now.time();
    let now = now.ok_or(NotReplayable::Damaged("its instant is none"))?;
    let player = Arc::new(Mutex::new(Player::new(recording.answers.clone())));
    let log = Arc::new(Mutex::new(Log::default()));
    let outcome = run(HostServices {
        leases: Some(Box::new(Arc::clone(&player))),
        storage: Box::new(Arc::clone(&player)),
        log: Box::new(Arc::clone(&log)),
        now,
    });
    let mut player = player.lock().unwrap_or_else(PoisonError::into_inner);
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let mut differences = player.finish();
    differences.extend(outcome_differences(&recording.outcome, &outcome));
    Ok(Replayed {
        differences,
        outcome,
        log: std::mem::take(&mut log.0),
    })
}

fn outcome_differences(recorded: &RecordedOutcome, now: &RecordedOutcome) -> Vec<String> {
    use RecordedOutcome::{Addressing, Changes, Failed};
    match (recorded, now) {
        (recorded, now) if recorded == now => Vec::new(),
        (Changes(recorded), Changes(now)) => change_differences(recorded, now),
        (Addressing(recorded), Addressing(now)) => vec![told(&json(recorded), &json(now))],
        (recorded, now) => {
            let text = |outcome: &RecordedOutcome| match outcome {
                Changes(changes) => json(changes),
                Addressing(addressing) => json(addressing),
                Failed(error) => error.clone(),
            };
            vec![told(&text(recorded), &text(now))]
        }
    }
}

fn change_differences(recorded: &[Change], now: &[Change]) -> Vec<String> {
    let count = recorded.len().max(now.len());
    let pairs = (0..count).map(|index| (index + 1, recorded.get(index), now.get(index)));
    let different = pairs.filter(|(_, was, is)| was != is);
    let words = |(number, was, is): (usize, Option<&Change>, Option<&Change>)| {
        let text = |change: Option<&Change>| {
            change.map_or_else(|| "nothing".to_owned(), ToString::to_string)
        };
        let (was_text, is_text) = (text(was), text(is));
        // The words for people leave details out.
        let difference = if was_text == is_text {
            told(&json(&was), &json(&is))
        } else {
            told(&was_text, &is_text)
        };
        format!("change {number}: {difference}")
    };
    different.map(words).collect()
}

fn told(was: &str, is: &str) -> String {
    format!("it was: {was}; it is now: {is}")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
