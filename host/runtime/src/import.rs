//! Taking over what the reference plugin host-local has handed out, while the containers run.
//!
//! A reservation becomes a lease and an *applied* record only when the kernel shows the interface that has the address. The
//! record's undo deletes that interface, so DEL, GC and sweeps treat the attachment as one of ours.

mod directory;
mod proof;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cni::ids::NetworkName;
use kernel::{Linux, RemoteInterface, RemoteInterfaces};
use plan::{Addressing, Attachment, InterfaceAddress, Undo};
use serde_json::Value;
use store::{
    CoolDown, LeaseState, LinkEvidence, LockError, QuarantinedAddress, Record, ReserveError,
    StagePart, Store, UnixSeconds,
};

use crate::failure::Cause;
use crate::quarantine::any_network;
use directory::{Holder, Locked};
use proof::{Proof, prove};

/// Whose reservations they were.
const FORMER_PLUGIN: &str = "host-local";

/// What became of one network's reservations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedNetwork {
    /// The network.
    pub network: String,
    /// What became of each holder of addresses, by container.
    pub attachments: Vec<ImportedAttachment>,
    /// The addresses behind which round robin goes on, of each range set.
    pub last_reserved: Vec<IpAddr>,
    /// Files that say nothing of use, with the reason.
    pub unusable: Vec<String>,
}

/// What became of the reservations of one container's interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAttachment {
    /// The container.
    pub container_id: String,
    /// Its interface; None: neither the file nor the kernel tells it.
    pub interface_name: Option<String>,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// What became of them.
    pub outcome: Outcome,
}

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is a lease of ours now, and DEL removes the interface.
    Imported,
    /// The attachment is on record already.
    Known,
    /// No interface of this machine has the address: the file is a leftover, and the address is free.
    Stale,
    /// Somebody may have the address, for this reason: nobody gets it until the operator frees it.
    Quarantined(String),
    /// Nothing was done, for this reason.
    Skipped(String),
}

/// Reservations can't be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The directory can't be used.
    #[error("reservations of host-local in {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no network of that name, or none at all.
    #[error(
        "{} has {}: name the directory that holds one for each network (the reference plugin's `dataDir`, /var/lib/cni/networks unless set)",
        path.display(),
        network.as_ref().map_or_else(|| "no network".to_owned(), |name| format!("no network {name}"))
    )]
    NoNetwork {
        /// The directory.
        path: PathBuf,
        /// The network that was asked for.
        network: Option<String>,
    },
    /// Kernel or store failed.
    #[error(transparent)]
    Cause(#[from] Cause),
}

/// Takes over the reservations of one network, or of all, in the reference plugin's data directory. Repeats are harmless;
/// its files are left as they are.
///
/// # Errors
/// When directory, kernel or store can't be used at all; what was taken over before stays.
pub(crate) fn import(
    store: &Store,
    data_directory: &Path,
    network: Option<&str>,
    now: UnixSeconds,
) -> Result<Vec<ImportedNetwork>, ImportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::Directory { path, source }
    };
    let mut names = directory::networks(data_directory).map_err(failed(data_directory))?;
    names.retain(|name| network.is_none_or(|wanted| wanted == name));
    if names.is_empty() {
        return Err(ImportError::NoNetwork {
            path: data_directory.to_owned(),
            network: network.map(str::to_owned),
        });
    }
    let kernel = Linux::host().map_err(Cause::from)?;
    let mut imported = Vec::new();
    for name in names {
        let path = data_directory.join(&name);
        if name.parse::<NetworkName>().is_err() {
            imported.push(ImportedNetwork {
                unusable: vec![format!("{}: not the name of a network", path.display())],
                network: name,
                attachments: Vec::new(),
                last_reserved: Vec::new(),
            });
            continue;
        }
        // Held to the end: the reference plugin gives and takes no address meanwhile.
        let locked = Locked::open(&path).map_err(failed(&path))?;
        let reservations = locked.read().map_err(failed(&path))?;
        let found = kernel.remote_interfaces().map_err(Cause::from)?;
        let mut attachments = Vec::new();
        for (holder, addresses) in &reservations.holders {
            let importing = Importing {
                store,
                network: &name,
                found: &found,
                now,
            };
            attachments.push(importing.holder(holder, addresses)?);
        }
        for last in &reservations.last {
            let tag = plan::NetworkTag::of(&name);
            store.set_last_reserved(tag, *last).map_err(Cause::from)?;
        }
        imported.push(ImportedNetwork {
            network: name,
            attachments,
            last_reserved: reservations.last,
            unusable: reservations.unusable,
        });
    }
    Ok(imported)
}

struct Importing<'a> {
    store: &'a Store,
    network: &'a str,
    found: &'a RemoteInterfaces,
    now: UnixSeconds,
}

impl Importing<'_> {
    fn holder(&self, holder: &Holder, addresses: &[IpAddr]) -> Result<ImportedAttachment, Cause> {
        let proof = prove(self.found, holder, addresses);
        let known = holder.interface_name.as_ref().map(ToString::to_string);
        let interface_name = match &proof {
            Proof::Lives { interface, .. } => Some(interface.name.clone()),
            Proof::Gone | Proof::Unclear { .. } => known,
        };
        let attachment = Attachment {
            network: self.network.to_owned(),
            container_id: holder.container_id.to_string(),
            interface_name: interface_name.clone().unwrap_or_default(),
        };
        Ok(ImportedAttachment {
            container_id: attachment.container_id.clone(),
            interface_name,
            addresses: addresses.to_vec(),
            outcome: self.settle(&attachment, addresses, proof)?,
        })
    }

    fn settle(
        &self,
        attachment: &Attachment,
        addresses: &[IpAddr],
        proof: Proof<'_>,
    ) -> Result<Outcome, Cause> {
        let _lock = match self.store.try_lock_attachment(&attachment.key()) {
            Ok(lock) => lock,
            Err(LockError::Busy { .. }) => {
                return Ok(Outcome::Skipped(
                    "a call is working on it; try again".into(),
                ));
            }
            Err(error) => return Err(error.into()),
        };
        if self.store.record(&attachment.key())?.is_some() {
            return Ok(Outcome::Known);
        }
        match proof {
            Proof::Gone => Ok(Outcome::Stale),
            Proof::Unclear { evidence } => self.quarantine(attachment, addresses, &evidence),
            Proof::Lives { interface, undo } => {
                self.take_over(attachment, addresses, interface, undo)
            }
        }
    }

    fn quarantine(
        &self,
        attachment: &Attachment,
        addresses: &[IpAddr],
        evidence: &LinkEvidence,
    ) -> Result<Outcome, Cause> {
        let network = attachment.network_tag();
        for address in addresses {
            let free = match self.store.lease(network, *address)? {
                None => true,
                Some(lease) => matches!(lease.state, LeaseState::Cooling { .. }),
            };
            if free {
                self.store.quarantine(&QuarantinedAddress {
                    network,
                    address: *address,
                    attachment: None,
                    since: self.now,
                    evidence: evidence.clone(),
                })?;
            }
        }
        Ok(Outcome::Quarantined(evidence.reason.clone()))
    }

    fn take_over(
        &self,
        attachment: &Attachment,
        addresses: &[IpAddr],
        interface: &RemoteInterface,
        undo: Undo,
    ) -> Result<Outcome, Cause> {
        let (network, key) = (attachment.network_tag(), attachment.key());
        for address in addresses {
            // A store that found itself new knew no better than to keep it from everybody.
            self.leave_quarantine(network, *address)?;
            match self.store.reserve(network, *address, attachment, self.now) {
                Ok(_) => {}
                Err(ReserveError::Store(error)) => return Err(error.into()),
                Err(refusal) => {
                    self.store.release_pending(&key, CoolDown::NONE)?;
                    return Ok(Outcome::Skipped(refusal.to_string()));
                }
            }
        }
        let mut record = Record::new(attachment.clone(), self.store.next_group()?, self.now);
        record.parts.push(part(interface, addresses, undo));
        self.store.put_pending(&record, None)?;
        self.store.mark_applied(&record)?;
        for address in addresses {
            self.leave_quarantine(any_network(), *address)?;
        }
        Ok(Outcome::Imported)
    }

    fn leave_quarantine(&self, network: plan::NetworkTag, address: IpAddr) -> Result<(), Cause> {
        let lease = self.store.lease(network, address)?;
        let unexplained = lease.is_some_and(|lease| {
            lease.attachment.is_none() && matches!(lease.state, LeaseState::Quarantined { .. })
        });
        if unexplained {
            self.store.force_release(network, address)?;
        }
        Ok(())
    }
}

fn part(interface: &RemoteInterface, addresses: &[IpAddr], undo: Undo) -> StagePart {
    let own = interface.addresses.iter();
    let addresses = own
        .filter(|own| addresses.contains(&own.addr()))
        .map(|address| InterfaceAddress {
            address: *address,
            gateway: None,
        });
    StagePart {
        id: format!("{FORMER_PLUGIN}:imported"),
        plugin: FORMER_PLUGIN.into(),
        // Made by another plugin, so there is nothing that CHECK or a restore could hold it against.
        steps: Vec::new(),
        undo: vec![undo],
        changes: Vec::new(),
        call: None,
        addressing: Some(Addressing {
            addresses: addresses.collect(),
            ..Addressing::default()
        }),
        config: Value::Null,
        result: Value::Null,
    }
}
