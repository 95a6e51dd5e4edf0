//! What the operator's tool shows and mends. The store it reads is that of the namespace it runs in, as for the runtime.

use std::net::IpAddr;
use std::time::SystemTime;

use engine::Builtin;
use plan::{Attachment, NetworkTag};
use store::{Lease, LeaseFilter, Record};

use crate::clock::unix_seconds;
use crate::explain::{self, Picture};
use crate::failure::Cause;
use crate::log::Log;
use crate::node::Node;
use crate::settings::Settings;
use crate::{record, restore, sweep};

pub use crate::restore::Restored;
pub use crate::sweep::Swept;

/// A node as an operator sees it.
pub struct Operator {
    node: Node,
}

impl Operator {
    /// The node with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let log = Log::of(&settings);
        Self {
            node: Node::new(settings, log, None, Vec::new()),
        }
    }

    /// The node with the plugins that are part of the executable, for running calls again.
    #[must_use]
    pub fn with_builtin(settings: Settings, builtin: Builtin) -> Self {
        let log = Log::of(&settings);
        Self {
            node: Node::new(settings, log, Some(builtin), Vec::new()),
        }
    }

    /// What happened for an attachment, with what comes of running its plugins' calls again, on the answers that the host
    /// gave then. Neither store nor kernel is asked or changed.
    #[must_use]
    pub fn replay(&self, record: &Record) -> Picture {
        explain::replay(&self.node, record)
    }

    /// Puts back what a flush or a firewall's reload took away of our rules and of what we share with the host, for all
    /// networks.
    ///
    /// # Errors
    /// When store or kernel can't be asked, or nftables refuses. What failed of the rest is in the answer.
    pub fn restore(&self) -> Result<Restored, Cause> {
        restore::restore(self.node.store()?)
    }

    /// All leases, or those of one network, by network and address.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn leases(&self, network: Option<&str>) -> Result<Vec<Lease>, Cause> {
        let store = self.node.store()?;
        let filter = LeaseFilter {
            network: network.map(NetworkTag::of),
            kind: None,
        };
        let mut leases = Vec::new();
        let mut after = None;
        loop {
            let page = store.list_leases(filter, after)?;
            leases.extend(page.leases);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(leases),
            }
        }
    }

    /// Makes an address free, whoever holds it; returns the lease as it was. For addresses that nobody uses any more:
    /// one that is in use will be handed out twice.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn release(&self, network: &str, address: IpAddr) -> Result<Option<Lease>, Cause> {
        Ok(self
            .node
            .store()?
            .force_release(NetworkTag::of(network), address)?)
    }

    /// All attachments on record, or those of one network.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn attachments(&self, network: Option<&str>) -> Result<Vec<Record>, Cause> {
        let store = self.node.store()?;
        Ok(record::all(store, network.map(NetworkTag::of))?)
    }

    /// One attachment's record.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn attachment(&self, attachment: &Attachment) -> Result<Option<Record>, Cause> {
        Ok(self.node.store()?.record(&attachment.key())?)
    }

    /// Removes what is provably gone, of one network or of all.
    ///
    /// # Errors
    /// When store or kernel can't be asked.
    pub fn sweep(&self, network: Option<&str>) -> Result<Swept, Cause> {
        let store = self.node.store()?;
        sweep::sweep(
            store,
            network.map(NetworkTag::of),
            unix_seconds(SystemTime::now()),
        )
    }
}
