use std::error::Error;
use std::fmt;

use plan::{Step, Undo};

use crate::{Journal, Kernel, KernelError, LinkFact, Undone};

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The links that were made or found, in the order of the steps.
    pub links: Vec<LinkFact>,
    /// See [`crate::Performed::firewall_recreated`].
    pub firewall_recreated: bool,
}

/// Performs the steps in order. When one fails, it and everything before it is taken back in reverse, past errors.
///
/// `undo` says how a step is taken back; None for what is shared or vanishes with something else.
///
/// # Errors
/// The step that failed, why, and each clean-up that could not be done.
pub fn apply(
    kernel: &mut dyn Kernel,
    steps: &[Step],
    undo: impl Fn(&Step) -> Option<Undo>,
    journal: &mut dyn Journal,
) -> Result<Applied, Box<ApplyError>> {
    let mut applied = Applied::default();
    let mut begun = Vec::new();
    for step in steps {
        begun.extend(undo(step));
        journal.about_to(step);
        let outcome = kernel.perform(step);
        journal.done(step, outcome.as_ref());
        match outcome {
            Ok(performed) => {
                applied.links.extend(performed.links);
                applied.firewall_recreated |= performed.firewall_recreated;
            }
            Err(cause) => {
                return Err(Box::new(ApplyError {
                    step: step.clone(),
                    cause,
                    clean_up_failures: take_back(kernel, begun),
                }));
            }
        }
    }
    Ok(applied)
}

fn take_back(kernel: &mut dyn Kernel, begun: Vec<Undo>) -> Vec<CleanUpFailure> {
    let mut failures = Vec::new();
    for undo in begun.into_iter().rev() {
        match kernel.undo(&undo) {
            Ok(Undone::Done | Undone::AlreadyGone | Undone::NotOurs { .. }) => {}
            Ok(Undone::Unknown { why }) => failures.push(CleanUpFailure::Unproven { undo, why }),
            Err(cause) => failures.push(CleanUpFailure::Failed { undo, cause }),
        }
    }
    failures
}

/// A step failed; what had been done was taken back as far as possible.
#[derive(Debug)]
pub struct ApplyError {
    /// The step.
    pub step: Step,
    /// Why it failed.
    pub cause: KernelError,
    /// What could not be taken back. Empty means that the kernel is as before.
    pub clean_up_failures: Vec<CleanUpFailure>,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.step, self.cause)?;
        for failure in &self.clean_up_failures {
            write!(f, "; besides, {failure}")?;
        }
        Ok(())
    }
}

impl Error for ApplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// Something that a failed transaction left behind, or may have.
#[derive(Debug, thiserror::Error)]
pub enum CleanUpFailure {
    /// The kernel refused.
    #[error("clean-up failed ({undo}): {cause}")]
    Failed {
        /// What was to be undone.
        undo: Undo,
        /// Why it was not.
        #[source]
        cause: KernelError,
    },
    /// Nothing proves that the object is gone.
    #[error("clean-up is not proven ({undo}): {why}")]
    Unproven {
        /// What was to be undone.
        undo: Undo,
        /// What stands in the way of a proof.
        why: String,
    },
}

impl CleanUpFailure {
    /// What was to be undone.
    #[must_use]
    pub fn undo(&self) -> &Undo {
        match self {
            Self::Failed { undo, .. } | Self::Unproven { undo, .. } => undo,
        }
    }
}

#[cfg(test)]
mod tests;
