//! Addresses for a new attachment: asked for, checked, and given back where something is wrong with them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use cni::address_request::AddressRequest;
use cni::request::Add;
use engine::{AttachmentInfo, CallError, HostServices, Outcome, RecordedCall};
use plan::{Addressing, Attachment, Dns};
use serde_json::Value;
use store::{CoolDown, Document, StorageOverlay, Store};

use super::PluginIpam;
use crate::failure::Cause;
use crate::ipam::resolver;
use crate::ipam::section::with_gateways;
use crate::node::Node;
use crate::plugin_host::{Leases, info};

/// What was decided about addresses.
#[derive(Default)]
pub(crate) struct Allocated {
    pub(crate) addressing: Addressing,
    /// What was recorded of the plugin's call.
    pub(crate) call: Option<Document>,
    /// A plugin in this process has decided, and its leases are ours.
    pub(crate) by_plugin: bool,
}

impl Allocated {
    /// Another vendor's executable has decided; how, is its own affair.
    pub(crate) fn by_delegate(addressing: Addressing) -> Self {
        Self {
            addressing,
            call: None,
            by_plugin: false,
        }
    }
}

impl PluginIpam {
    /// Asks the plugin for addresses and checks its answer. What it reserved is released when either fails.
    pub(crate) fn allocate(
        &self,
        node: &Node,
        attachment: &Attachment,
        request: &Add,
        overlay: &Arc<Mutex<StorageOverlay>>,
    ) -> Result<Allocated, Cause> {
        let store = node.store()?;
        let outcome = self.try_allocate(node, store, attachment, request, overlay);
        if outcome.is_err() {
            store.release_pending(&attachment.key(), CoolDown::NONE)?;
        }
        outcome
    }

    fn try_allocate(
        &self,
        node: &Node,
        store: &Store,
        attachment: &Attachment,
        request: &Add,
        overlay: &Arc<Mutex<StorageOverlay>>,
    ) -> Result<Allocated, Cause> {
        let requested = &request.addresses;
        let policy = self.policy(requested);
        let services = self.services(node, store, attachment, &policy, overlay, true);
        let info = info(attachment, requested, request.pod.as_ref());
        let (outcome, call) = self.ask(node, services, &info, &request.gateways)?;
        let addressing =
            outcome.map_err(|error| told_holder(store, attachment, requested, error))?;
        self.accept(store, attachment, requested, &addressing)?;
        Ok(Allocated {
            addressing,
            // What can't be kept can't be explained later, which is no reason to fail.
            call: Document::of(&call).ok(),
            by_plugin: true,
        })
    }

    /// The plugin's answer, unchecked, and the call as data. `gateways` are those that the caller names.
    pub(crate) fn ask(
        &self,
        node: &Node,
        services: HostServices,
        info: &AttachmentInfo,
        gateways: &[IpAddr],
    ) -> Result<(Result<Addressing, CallError>, RecordedCall), Cause> {
        let resolver = self.resolver()?;
        let ipam = self.load(node)?;
        let config = Value::Object(with_gateways(&self.config, gateways)).to_string();
        Ok(ipam.allocate_recorded(services, info, &config, resolver.as_ref()))
    }

    /// Checks addresses against what the host itself reads from the configuration, and releases what was reserved
    /// besides.
    pub(crate) fn accept(
        &self,
        store: &Store,
        attachment: &Attachment,
        requested: &[AddressRequest],
        addressing: &Addressing,
    ) -> Result<(), Cause> {
        let _span = tracing::trace_span!(target: "wasm_cni", "verify").entered();
        let held = store.held(&attachment.key())?;
        let held: Vec<IpAddr> = held.into_iter().map(|lease| lease.address).collect();
        let problems = self.policy(requested).problems(addressing, &held);
        if !problems.is_empty() {
            return Err(Cause::Answer {
                plugin: self.name().into(),
                problems,
            });
        }
        self.release_surplus(store, attachment, addressing, &held)
    }

    /// Reserves an address that a stage of the chain adds.
    pub(crate) fn reserve(
        &self,
        node: &Node,
        store: &Store,
        attachment: &Attachment,
        requested: &[AddressRequest],
        address: IpAddr,
    ) -> Result<(), Cause> {
        let policy = self.policy(requested);
        let mut leases = Leases::of(node, store, attachment, &policy);
        engine::Leases::reserve(&mut leases, address)
            .map_err(|source| Cause::AddedAddress { address, source })
    }

    /// What was reserved and is not in the answer would be taken for nothing.
    fn release_surplus(
        &self,
        store: &Store,
        attachment: &Attachment,
        addressing: &Addressing,
        held: &[IpAddr],
    ) -> Result<(), Cause> {
        for address in held {
            if !addressing
                .addresses
                .iter()
                .any(|entry| entry.address.addr() == *address)
            {
                store.release_one(
                    attachment.network_tag(),
                    *address,
                    attachment,
                    CoolDown::NONE,
                )?;
            }
        }
        Ok(())
    }

    fn resolver(&self) -> Result<Option<Dns>, Cause> {
        let path = self.settings.resolv_conf.as_ref();
        path.map(|path| {
            resolver::read(path).map_err(|source| Cause::ResolvConf {
                path: path.clone(),
                source,
            })
        })
        .transpose()
    }
}

/// A plugin can only say that it refuses; where a requested address is another's, that is the reason, and has a code of
/// its own.
fn told_holder(
    store: &Store,
    attachment: &Attachment,
    requested: &[AddressRequest],
    error: CallError,
) -> Cause {
    if !matches!(error.outcome, Outcome::Failed(engine::Failure::Denied(_))) {
        return error.into();
    }
    let network = attachment.network_tag();
    let taken = requested.iter().find_map(|request| {
        let lease = store.lease(network, request.address).ok()??;
        let holder = lease.attachment.as_ref()?;
        (holder != attachment).then(|| Cause::RequestedAddress {
            plugin: error.plugin.clone(),
            address: request.address,
            holder: Box::new(holder.clone()),
        })
    });
    taken.unwrap_or_else(|| error.into())
}
