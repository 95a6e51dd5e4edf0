//! What the operator's tool shows and mends. The store it reads is that of the namespace it runs in, as for the runtime.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use engine::Builtin;
use kernel::Linux;
use plan::{Attachment, NetworkTag};
use store::{Lease, LeaseFilter, LeaseState, Record};

use crate::clock::unix_seconds;
use crate::explain::{self, Picture};
use crate::failure::Cause;
use crate::log::Log;
use crate::node::Node;
use crate::quarantine::{any_network, release_address};
use crate::settings::Settings;
use crate::{import, purge, record, restore, sweep};

pub use crate::import::{ImportError, ImportedAttachment, ImportedNetwork, Outcome};
pub use crate::purge::{PurgeError, Purged};
pub use crate::restore::{Missing, Restored};
pub use crate::sweep::Swept;

/// A purge takes no longer.
const CALLS_WAIT: Duration = Duration::from_secs(10);

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
        let store = self.node.store()?;
        let _no_purge = store.lock_node_shared(CALLS_WAIT)?;
        restore::restore(store)
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
    /// one that is in use will be handed out twice. Of one in quarantine the rules go as well.
    ///
    /// # Errors
    /// When the store can't be written, or the kernel refuses.
    pub fn release(&self, network: &str, address: IpAddr) -> Result<Option<Lease>, Cause> {
        let store = self.node.store()?;
        let released = store.lease(NetworkTag::of(network), address)?;
        // One whose network is not known stands against this one too.
        let unknown = store.lease(any_network(), address)?;
        for lease in released.iter().chain(&unknown) {
            match &lease.state {
                LeaseState::Quarantined { .. } if lease.attachment.is_none() => {
                    release_address(store, &mut Linux::host()?, lease)?;
                }
                _ => {
                    store.force_release(lease.network, address)?;
                }
            }
        }
        Ok(released)
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
    /// What [`Operator::sweep`] would remove now.
    ///
    /// # Errors
    /// When store or kernel can't be asked.
    pub fn sweepable(&self, network: Option<&str>) -> Result<Swept, Cause> {
        sweep::preview(self.node.store()?, network.map(NetworkTag::of))
    }

    /// Takes away everything of a network that no attachment owns: bridges that were made for it, nftables chains, leases
    /// that cool down, durable storage. With `force` its attachments are detached first, and addresses that may be in use
    /// are forgotten.
    ///
    /// # Errors
    /// When it is in use, or store or kernel fail; see [`PurgeError`].
    pub fn purge(&self, network: &str, force: bool) -> Result<Purged, PurgeError> {
        purge::purge(self.node.store()?, network, force)
    }
    /// Makes leases and records of the reservations that the reference plugin host-local keeps in `data_directory`, of one
    /// network or of all, as far as the kernel shows who has the addresses. Containers and files are left as they are.
    ///
    /// # Errors
    /// When directory, store or kernel can't be used; see [`ImportError`].
    pub fn import_host_local(
        &self,
        data_directory: &Path,
        network: Option<&str>,
    ) -> Result<Vec<ImportedNetwork>, ImportError> {
        let now = unix_seconds(SystemTime::now());
        import::import(self.node.store()?, data_directory, network, now)
    }
    /// What [`Operator::restore`] would find missing now.
    ///
    /// # Errors
    /// When store or kernel can't be asked.
    pub fn missing(&self) -> Result<Vec<Missing>, Cause> {
        restore::missing(self.node.store()?)
    }

    /// Could a call write its state now? Opens the store, which makes it where there is none.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn check_writable(&self) -> Result<(), Cause> {
        Ok(self.node.store()?.check_writable()?)
    }
}
