use crate::{Allocation, Attachment, Dns, Failure, Host};

/// An IPAM plugin: it decides which addresses an interface gets. The type itself is the plugin's configuration.
///
/// A plugin keeps nothing between calls: the host makes a fresh one for each, and may run a call twice.
pub trait Ipam: Sized {
    /// Read and check the network's `ipam` object. Called before every other function, and alone when the host only
    /// asks whether a configuration is usable (WIT `validate`). [`config::parse`](crate::config::parse) does the reading.
    ///
    /// # Errors
    /// [`Failure::InvalidConfig`], naming key and value.
    fn configure(text: &str) -> Result<Self, Failure>;

    /// Choose and reserve addresses (CNI ADD). `resolver` is what the host read from the file that `ipam.resolvConf`
    /// names. What this call reserved is released by the host if it fails.
    ///
    /// # Errors
    /// Whatever keeps the plugin from answering.
    fn allocate(
        &self,
        attachment: &Attachment,
        resolver: Option<Dns>,
        host: &impl Host,
    ) -> Result<Allocation, Failure>;

    /// The attachment is gone and its addresses are released already (CNI DEL). Nothing to do unless the plugin keeps
    /// durable state of its own.
    ///
    /// # Errors
    /// Best effort: the host logs a failure.
    fn release(&self, attachment: &Attachment, host: &impl Host) -> Result<(), Failure> {
        let _ = (attachment, host);
        Ok(())
    }

    /// Is what was allocated still in order (CNI CHECK)? `allocation` is what `allocate` answered, with the
    /// gateways that the final result tells. Unless overridden it is [`require_held`].
    ///
    /// # Errors
    /// [`Failure::Other`], saying what differs.
    fn check(
        &self,
        attachment: &Attachment,
        allocation: &Allocation,
        host: &impl Host,
    ) -> Result<(), Failure> {
        require_held(attachment, allocation, host)
    }

    /// Could [`allocate`](Self::allocate) serve now (CNI STATUS)? Cheap: called every few seconds. There is no attachment
    /// at hand.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] or [`Failure::Unavailable`].
    fn status(&self, host: &impl Host) -> Result<(), Failure> {
        let _ = host;
        Ok(())
    }
}

/// Is every address still held? For a [`check`](Ipam::check) that looks at more.
///
/// # Errors
/// [`Failure::Other`], naming those that are not.
pub fn require_held(
    attachment: &Attachment,
    allocation: &Allocation,
    host: &impl Host,
) -> Result<(), Failure> {
    let held = host.held();
    let lost: Vec<String> = allocation
        .addresses
        .iter()
        .map(|address| address.address.addr())
        .filter(|address| !held.contains(address))
        .map(|address| address.to_string())
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "{} of container {} on network {} no longer holds {}; delete and add the attachment again",
        attachment.interface_name,
        attachment.container_id,
        attachment.network,
        lost.join(", ")
    )))
}
