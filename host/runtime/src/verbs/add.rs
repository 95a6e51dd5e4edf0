use std::time::Duration;

use cni::request::Add;
use cni::role::Role;
use engine::Outcome;
use ipnet::IpNet;
use kernel::{Applied, ApplyError, Kernel, KernelError, Linux, Netns, NoJournal, Presence};
use plan::{
    Addressing, Attachment, InterfaceAddress, Link, LinkRequest, MacAddress, NetnsIdentity, Plan,
    Step,
};
use serde_json::Value;
use store::{CoolDown, Record, RecordState, StorageChanges, Store, StoreError};

use super::{about, identity, key, link, refuse_stages};
use crate::clock::unix_seconds;
use crate::detach::{Detached, detach};
use crate::failure::{Cause, Failure};
use crate::ipam::{Ipam, cool_down_seconds};
use crate::node::Node;
use crate::{record, result};

/// Runtimes do not call twice for one attachment; a call that waits longer waits for one that hangs.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How often a plugin is run when other calls change what it read.
const MOST_TRIES: u32 = 4;

/// CNI ADD.
pub(crate) fn add(node: &Node, request: &Add) -> Result<Value, Failure> {
    let attachment = key(&request.attachment);
    about(&attachment, attach(node, request, &attachment))
}

fn attach(node: &Node, request: &Add, attachment: &Attachment) -> Result<Value, Cause> {
    refuse_stages(&request.call)?;
    let link = match request.call.role {
        Role::Link => Some(link::parse(&request.call.config)?),
        Role::Ipam | Role::Stage => None,
    };
    let netns = Netns::open(&request.netns)?;
    let store = node.store()?;
    let _lock = store.lock_attachment(&attachment.key(), LOCK_WAIT)?;
    let adding = Adding {
        node,
        request,
        attachment,
        store,
        netns,
    };
    let result = match link {
        Some(link) => adding.link(&link)?,
        None => adding.ipam_only()?,
    };
    Ok(cni::convert::write(
        &result,
        request.call.config.cni_version,
    )?)
}

struct Adding<'a> {
    node: &'a Node,
    request: &'a Add,
    attachment: &'a Attachment,
    store: &'a Store,
    netns: Netns,
}

/// What IPAM decided, and what its plugin wants stored.
type Decided = (Addressing, Option<StorageChanges>);

impl Adding<'_> {
    fn link(&self, link: &Link) -> Result<cni::result::CniResult, Cause> {
        let mut kernel = Linux::with_container(&self.netns)?;
        self.clear_way(&mut kernel)?;
        let name = &self.attachment.interface_name;
        if !matches!(link, Link::Loopback {}) && kernel.interface_exists(name)? {
            let place = kernel::Place::Container;
            return Err(KernelError::InterfaceExists {
                name: name.clone(),
                place,
            }
            .into());
        }
        let ipam = Ipam::of(
            self.node,
            &self.request.call.config,
            &self.request.call.search_path,
        )?;
        let (plan, record, storage) = self.decide_and_record(&kernel, link, ipam.as_ref())?;
        let applied = match self.apply(&mut kernel, &plan, &record) {
            Ok(applied) => applied,
            Err(error) => return Err(self.give_up(ipam.as_ref(), error)),
        };
        let config = &self.request.call.config;
        let addressing = match link {
            Link::Loopback {} => on_loopback(&kernel.loopback_addresses()?),
            Link::Bridge(_) | Link::Ptp(_) | Link::Macvlan(_) => plan.addressing,
        };
        let result = result::of_link(config, &addressing, &applied.links, &self.request.netns);
        self.finish(record, &result, storage.as_ref())?;
        Ok(result)
    }

    fn ipam_only(&self) -> Result<cni::result::CniResult, Cause> {
        let config = &self.request.call.config;
        let ipam = Ipam::of(self.node, config, &self.request.call.search_path)?;
        let Some(Ipam::Plugin(plugin)) = &ipam else {
            return Err(Cause::IpamSection(
                "the ipam section names no plugin of ours".into(),
            ));
        };
        for _ in 0..MOST_TRIES {
            let (addressing, storage) = self.decide(ipam.as_ref())?;
            let part = record::ipam_part(plugin.name(), config, &addressing);
            let group = self.store.next_group()?;
            let now = unix_seconds(self.node.now);
            let record = record::pending(self.attachment, self.netns.identity(), group, now, part);
            if self.put(&record, storage.as_ref())? {
                let result = result::of_addressing(&addressing);
                self.finish(record, &result, storage.as_ref())?;
                return Ok(result);
            }
        }
        Err(self.contended(ipam.as_ref()))
    }

    /// An earlier attachment of this name: a dead call's remains are removed, a living one is an error.
    fn clear_way(&self, kernel: &mut Linux) -> Result<(), Cause> {
        let Some(record) = self.store.record(&self.attachment.key())? else {
            return Ok(());
        };
        if record.state == RecordState::Applied {
            for undo in record
                .parts
                .iter()
                .flat_map(|part| &part.undo)
                .filter(|undo| undo.is_link())
            {
                if kernel.presence(undo)? == Presence::Present {
                    return Err(Cause::AlreadyAttached);
                }
            }
        }
        let search_path = &self.request.call.search_path;
        match detach(self.node, kernel, &record, search_path, self.cool_down())? {
            Detached::Gone => Ok(()),
            Detached::Unproven { evidence } => Err(Cause::Unproven(evidence.reason)),
        }
    }

    /// Runs IPAM, makes the plan and writes down how to undo it, until no other call interferes.
    fn decide_and_record(
        &self,
        kernel: &Linux,
        link: &Link,
        ipam: Option<&Ipam>,
    ) -> Result<(Plan, Record, Option<StorageChanges>), Cause> {
        for _ in 0..MOST_TRIES {
            let (addressing, storage) = self.decide(ipam)?;
            let recorded = self.plan_and_record(kernel, link, ipam, &addressing, storage.as_ref());
            match recorded {
                Ok(Some((plan, record))) => return Ok((plan, record, storage)),
                Ok(None) => {}
                Err(cause) => {
                    self.release_reserved(ipam)?;
                    return Err(cause);
                }
            }
        }
        Err(self.contended(ipam))
    }

    fn decide(&self, ipam: Option<&Ipam>) -> Result<Decided, Cause> {
        match ipam {
            None => Ok((Addressing::default(), None)),
            Some(Ipam::Delegated(delegated)) => Ok((delegated.allocate()?, None)),
            Some(Ipam::Plugin(plugin)) => {
                let allocated = plugin.allocate(
                    self.node,
                    self.attachment,
                    &self.request.addresses,
                    self.request.pod.as_ref(),
                )?;
                Ok((allocated.addressing, Some(allocated.storage)))
            }
        }
    }

    /// None: another call changed what the plugin had read.
    fn plan_and_record(
        &self,
        kernel: &Linux,
        link: &Link,
        ipam: Option<&Ipam>,
        addressing: &Addressing,
        storage: Option<&StorageChanges>,
    ) -> Result<Option<(Plan, Record)>, Cause> {
        let requested = self
            .request
            .mac
            .map(|wanted| MacAddress(wanted.mac.octets()));
        let (attachment, now) = (self.attachment, self.node.now);
        let identity = identity::choose(kernel, self.store, attachment, link, requested, now)?;
        let subnets = match ipam {
            Some(Ipam::Plugin(plugin)) => plugin.policy(&self.request.addresses).subnets(),
            _ => Vec::new(),
        };
        let request = LinkRequest {
            attachment: self.attachment,
            link,
            addressing,
            subnets: &subnets,
            identity,
        };
        let plan = plan::build(&request).map_err(Cause::Plan)?;
        let netns = self.netns_identity(kernel, &plan)?;
        let part = record::link_part(link.kind(), &self.request.call.config, &plan, &netns);
        let now = unix_seconds(self.node.now);
        let record = record::pending(self.attachment, netns, identity.group, now, part);
        Ok(self.put(&record, storage)?.then_some((plan, record)))
    }

    /// False: another call changed what the plugin had read, and what it reserved is free again.
    fn put(&self, record: &Record, storage: Option<&StorageChanges>) -> Result<bool, Cause> {
        match self.store.put_pending(record, storage) {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => {
                self.store
                    .release_pending(&self.attachment.key(), CoolDown::NONE)?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A link without an end on the host is found again by its namespace's id.
    fn netns_identity(&self, kernel: &Linux, plan: &Plan) -> Result<NetnsIdentity, Cause> {
        let mut identity = self.netns.identity();
        if plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::Macvlan(_)))
        {
            identity.nsid = Some(kernel.assign_nsid(&self.netns)?);
        }
        Ok(identity)
    }

    fn apply(
        &self,
        kernel: &mut Linux,
        plan: &Plan,
        record: &Record,
    ) -> Result<Applied, Box<ApplyError>> {
        let netns = record
            .netns
            .clone()
            .unwrap_or_else(|| self.netns.identity());
        let applied = kernel::apply(
            kernel,
            &plan.steps,
            |step| step.undo(&netns),
            &mut NoJournal,
        )?;
        if applied.firewall_recreated
            && let Err(cause) = crate::firewall::restore(self.store, kernel)
        {
            // Our own rules are in place; those of others come back with their next ADD or by hand.
            self.node.log.write(
                crate::log::Level::Warning,
                &format!("restoring nftables: {cause}"),
            );
        }
        Ok(applied)
    }

    /// After a failed plan: what is undone is forgotten, what is not stays on record for the DEL that follows.
    fn give_up(&self, ipam: Option<&Ipam>, error: Box<ApplyError>) -> Cause {
        if error.clean_up_failures.is_empty() {
            let removed = self.store.remove(&self.attachment.key(), self.cool_down());
            if let Some(Ipam::Delegated(delegated)) = ipam {
                // The step's failure is what the operator must see.
                let _ = delegated.forward(cni::verb::Verb::Del);
            }
            if let Err(store) = removed {
                self.node.log.write(
                    crate::log::Level::Error,
                    &format!("{}: {store}", self.attachment),
                );
            }
        }
        error.into()
    }

    fn release_reserved(&self, ipam: Option<&Ipam>) -> Result<(), Cause> {
        if let Some(Ipam::Delegated(delegated)) = ipam {
            // The first failure is what the operator must see.
            let _ = delegated.forward(cni::verb::Verb::Del);
        }
        self.store
            .release_pending(&self.attachment.key(), CoolDown::NONE)?;
        Ok(())
    }

    fn finish(
        &self,
        mut record: Record,
        result: &cni::result::CniResult,
        storage: Option<&StorageChanges>,
    ) -> Result<(), Cause> {
        record::keep_result(&mut record, result)?;
        record.state = RecordState::Applied;
        self.store.mark_applied(&record)?;
        if let Some(storage) = storage
            && let Err(error) = self.store.commit_durable(storage)
        {
            // Durable values are hints; the attachment stands.
            self.node.log.write(
                crate::log::Level::Warning,
                &format!("durable storage: {error}"),
            );
        }
        Ok(())
    }

    fn cool_down(&self) -> CoolDown {
        let seconds = cool_down_seconds(self.request.call.config.ipam.as_ref());
        CoolDown::lasting(unix_seconds(self.node.now), seconds)
    }

    fn contended(&self, ipam: Option<&Ipam>) -> Cause {
        let plugin = match ipam {
            Some(Ipam::Plugin(plugin)) => plugin.name().to_owned(),
            _ => String::new(),
        };
        Cause::Contended {
            plugin,
            tries: MOST_TRIES,
        }
    }
}

/// Nobody decided about these; the result tells them all the same, as the reference plugin's does.
fn on_loopback(addresses: &[IpNet]) -> Addressing {
    let entry = |address: &IpNet| InterfaceAddress {
        address: *address,
        gateway: None,
    };
    Addressing {
        addresses: addresses.iter().map(entry).collect(),
        ..Addressing::default()
    }
}

/// Did the plugin say that no address is left?
pub(super) fn is_exhausted(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Plugin(error) if matches!(error.outcome, Outcome::Failed(engine::Failure::Exhausted(_)))
    )
}
