use crate::{Attachment, Changes, Clock, Failure, Log, Proposal, Storage};

/// All that a policy plugin can ask of the host.
///
/// A plugin's binary imports only the interfaces whose functions it calls, so its imports say what it can do.
pub trait PolicyHost: Storage + Clock + Log + Proposal + Changes {}

impl<T: Storage + Clock + Log + Proposal + Changes> PolicyHost for T {}

/// A policy plugin: one stage of a chain. The type itself is the stage's configuration.
///
/// A plugin keeps nothing between calls: the host makes a fresh one for each, and may run a call twice.
pub trait Policy: Sized {
    /// Read and check the stage's object. Called before every other function, and alone when the host only asks whether a
    /// configuration is usable (WIT `validate`). [`config::parse_stage`](crate::config::parse_stage) does the reading.
    ///
    /// # Errors
    /// [`Failure::InvalidConfig`], naming key and value.
    fn configure(config: &str) -> Result<Self, Failure>;

    /// Propose changes for a new attachment (CNI ADD), or refuse it by [`Changes::deny`].
    ///
    /// # Errors
    /// Whatever keeps the plugin from deciding; it fails the ADD.
    fn amend(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure>;

    /// The attachment is gone, and what was applied for it is undone already (CNI DEL). Nothing to do unless the plugin
    /// keeps durable state of its own.
    ///
    /// # Errors
    /// Best effort: the host logs a failure.
    fn release(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        let _ = (attachment, host);
        Ok(())
    }

    /// Is the attachment still as this stage wants it (CNI CHECK)? The host compares the kernel by itself, so there is
    /// nothing to do for most; the proposal shows what was applied.
    ///
    /// # Errors
    /// [`Failure::Other`], saying what differs.
    fn check(&self, attachment: &Attachment, host: &impl PolicyHost) -> Result<(), Failure> {
        let _ = (attachment, host);
        Ok(())
    }

    /// Could [`amend`](Self::amend) serve now (CNI STATUS)? Cheap: called every few seconds. There is no attachment at
    /// hand.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] or [`Failure::Unavailable`].
    fn status(&self, host: &impl PolicyHost) -> Result<(), Failure> {
        let _ = host;
        Ok(())
    }
}
