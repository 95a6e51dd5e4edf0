//! A host in memory, to test plugins natively.
//!
//! A [`Node`] behaves as the contract documents: addresses are unique per network, only handed out inside the configured
//! ranges, cool down after release; a failed ADD leaves nothing behind. A policy plugin is shown a [`ProposalState`], and
//! what it proposes comes back as a list of [`Change`]s. It is not thread-safe and not made for speed.

mod call;
mod change;
mod leases;
mod policy;
mod policy_call;
mod proposal_state;
mod storage;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

pub use call::Call;
pub use change::Change;
pub use policy_call::PolicyCall;
pub use proposal_state::ProposalState;

use crate::{AddressRange, Allocation, Attachment, Dns, Failure, Ipam, Level};
use leases::{Lease, NetworkLeases};
use storage::Values;

/// Which attachment: network, container id, interface name.
type Key = (String, String, String);

fn key(attachment: &Attachment) -> Key {
    (
        attachment.network.clone(),
        attachment.container_id.clone(),
        attachment.interface_name.clone(),
    )
}

/// One node with its leases, storage, clock and log.
#[derive(Debug, Default)]
pub struct Node {
    state: RefCell<State>,
    log: RefCell<Vec<(Level, String)>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// None: any address may be reserved.
    allowed: Option<Vec<AddressRange>>,
    networks: BTreeMap<String, NetworkLeases>,
    values: Values,
    now: Duration,
}

impl Node {
    /// A node on which any address may be reserved.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A node that reserves only inside these ranges, as a host does for what the operator configured.
    #[must_use]
    pub fn restricted_to(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let node = Self::default();
        node.state.borrow_mut().allowed = Some(ranges.into_iter().collect());
        node
    }

    /// CNI ADD. If it fails, everything that it reserved or wrote is taken back.
    ///
    /// # Errors
    /// The plugin's.
    pub fn add<P: Ipam>(
        &self,
        config: &str,
        attachment: &Attachment,
        resolver: Option<Dns>,
    ) -> Result<Allocation, Failure> {
        let before = self.state.borrow().clone();
        let answer = P::configure(config)
            .and_then(|plugin| plugin.allocate(attachment, resolver, &self.call(attachment)));
        if answer.is_err() {
            *self.state.borrow_mut() = before;
        }
        answer
    }

    /// CNI DEL: the addresses are released into cool-down and the attachment's values removed, then the plugin is told.
    ///
    /// # Errors
    /// The plugin's; the addresses are released all the same.
    pub fn del<P: Ipam>(&self, config: &str, attachment: &Attachment) -> Result<(), Failure> {
        {
            let mut state = self.state.borrow_mut();
            if let Some(network) = state.networks.get_mut(&attachment.network) {
                network.release_all(&key(attachment));
            }
            state.values.detach(&key(attachment));
        }
        P::configure(config)?.release(attachment, &self.call(attachment))
    }

    /// CNI CHECK.
    ///
    /// # Errors
    /// The plugin's.
    pub fn check<P: Ipam>(
        &self,
        config: &str,
        attachment: &Attachment,
        allocation: &Allocation,
    ) -> Result<(), Failure> {
        let call = Call::reading(self, &attachment.network, Some(key(attachment)));
        P::configure(config)?.check(attachment, allocation, &call)
    }

    /// CNI STATUS of a network.
    ///
    /// # Errors
    /// The plugin's.
    pub fn status<P: Ipam>(&self, config: &str, network: &str) -> Result<(), Failure> {
        P::configure(config)?.status(&Call::reading(self, network, None))
    }

    /// The host as a plugin sees it during an ADD of this attachment.
    #[must_use]
    pub fn call(&self, attachment: &Attachment) -> Call<'_> {
        Call::writing(self, key(attachment))
    }

    /// Take an address out of use: its link could not be proven gone.
    pub fn quarantine(&self, network: &str, address: IpAddr) {
        self.network(network, |leases| {
            leases.leases.insert(address, Lease::Quarantined);
        });
    }

    /// Let the cool-down of every address of a network end.
    pub fn end_cool_down(&self, network: &str) {
        self.network(network, |leases| {
            leases
                .leases
                .retain(|_, lease| !matches!(lease, Lease::Cooling(_)));
        });
    }

    /// Set what the clock says from now on, since 1970.
    pub fn set_time(&self, now: Duration) {
        self.state.borrow_mut().now = now;
    }

    /// All that plugins wrote to the log.
    #[must_use]
    pub fn log(&self) -> Vec<(Level, String)> {
        self.log.borrow().clone()
    }

    fn network<T>(&self, name: &str, act: impl FnOnce(&mut NetworkLeases) -> T) -> T {
        let mut state = self.state.borrow_mut();
        act(state.networks.entry(name.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests;
