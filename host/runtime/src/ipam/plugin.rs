use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use cni::address_request::{AddressRequest, RequestSource};
use cni::config::{
    IpamConfig, IpamSettings, NetworkConfig, PluginReference, RangeSet, StatusWhenExhausted,
};
use cni::pod::Pod;
use cni::request::{Add, Check};
use engine::{
    AttachmentInfo, CallError, Grants, HostServices, Limits, NotReplayable, Outcome, RecordedCall,
    Replayed,
};
use plan::{AddressPolicy, Addressing, Attachment, Dns};
use serde_json::{Map, Value};
use store::{CoolDown, Document, Quota, StorageChanges, StorageOverlay, Store};

use super::host::{Leases, LoggedWords, PluginStorage};
use super::section::{plugin_config, with_gateways};
use super::{policy, resolver};
use crate::clock::unix_seconds;
use crate::failure::Cause;
use crate::node::{Node, is_built_in};

/// IPAM by a plugin in this process.
pub(crate) struct PluginIpam {
    reference: PluginReference,
    settings: IpamSettings,
    sets: Vec<RangeSet>,
    /// The `ipam` object as the plugin sees it.
    config: Map<String, Value>,
}

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
    pub(crate) fn new(config: &NetworkConfig, section: &IpamConfig) -> Result<Self, Cause> {
        let settings = section.settings().map_err(config_error)?;
        let sets = config.ip_ranges().map_err(config_error)?;
        let config = plugin_config(section.own_form(), config.raw.get("runtimeConfig"));
        Ok(Self {
            reference: settings.reference.clone(),
            settings,
            sets,
            config,
        })
    }

    /// The plugin's name.
    pub(crate) fn name(&self) -> &str {
        self.reference.plugin.as_str()
    }

    /// What the host lets the plugin hand out to this request.
    pub(crate) fn policy(&self, requested: &[AddressRequest]) -> AddressPolicy {
        policy::policy(&self.sets, &self.settings, requested)
    }

    /// Shall STATUS stay ready when no address is left?
    pub(crate) fn ready_when_exhausted(&self) -> bool {
        self.settings.status_when_exhausted == StatusWhenExhausted::Ready
    }

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

    /// Runs a recorded call again, with the answers that the host gave then.
    pub(crate) fn replay(
        &self,
        node: &Node,
        call: &RecordedCall,
    ) -> Result<Result<Replayed, NotReplayable>, Cause> {
        Ok(self.load(node)?.replay(call))
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
        let mut leases = leases(node, store, attachment, &policy);
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

    /// Tells the plugin that the attachment is gone. The built-in ones keep nothing that the host does not remove.
    pub(crate) fn release(&self, node: &Node, attachment: &Attachment) -> Result<(), Cause> {
        if self.reference.digest.is_none() && is_built_in(self.name()) {
            return Ok(());
        }
        let store = node.store()?;
        let overlay = overlay(store, attachment);
        let services = self.services(node, store, attachment, &self.policy(&[]), &overlay, true);
        self.load(node)?
            .release(services, &info(attachment, &[], None), &self.config_text())?;
        Ok(store.commit_durable(&changes(store, attachment, &overlay))?)
    }

    /// Asks the plugin whether what it allocated is in order.
    pub(crate) fn check(
        &self,
        node: &Node,
        attachment: &Attachment,
        request: &Check,
        addressing: &Addressing,
    ) -> Result<(), Cause> {
        let store = node.store()?;
        let overlay = overlay(store, attachment);
        let services = self.services(node, store, attachment, &self.policy(&[]), &overlay, false);
        let info = info(attachment, &request.addresses, request.pod.as_ref());
        let config = Value::Object(with_gateways(&self.config, &request.gateways)).to_string();
        Ok(self
            .load(node)?
            .check(services, &info, &config, addressing)?)
    }

    /// Asks the plugin whether it could serve.
    pub(crate) fn status(&self, node: &Node, network: &str) -> Result<(), Cause> {
        let store = node.store()?;
        let nobody = Attachment {
            network: network.into(),
            container_id: String::new(),
            interface_name: String::new(),
        };
        let plugin = self.load(node)?;
        let services = || {
            let overlay = overlay(store, &nobody);
            self.services(node, store, &nobody, &self.policy(&[]), &overlay, false)
        };
        let config = self.config_text();
        plugin.validate(services(), &config)?;
        Ok(plugin.status(services(), &config)?)
    }

    /// Is an address of the network left, one that cools down included? Networks without ranges can't say no.
    pub(crate) fn has_addresses_left(&self, store: &Store, network: &str) -> Result<bool, Cause> {
        let policy = self.policy(&[]);
        for set in &self.sets {
            let clipped = set
                .iter()
                .flat_map(|range| policy.clip(range.start, range.end));
            let ranges: Vec<store::AddressRange> = clipped
                .map(|(first, last)| store::AddressRange { first, last })
                .collect();
            if store.usage(plan::NetworkTag::of(network), &ranges)?.left() == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn load(&self, node: &Node) -> Result<engine::Ipam, Cause> {
        let digest = self.reference.digest.as_ref().map(AsRef::as_ref);
        let plugin = node.plugin(self.name(), digest)?;
        let grants = if self.reference.grants.is_empty() {
            Grants::ipam()
        } else {
            Grants::parse(self.reference.grants.iter().map(String::as_str))?
        };
        Ok(plugin.ipam(&grants, self.limits()?)?)
    }

    fn limits(&self) -> Result<Limits, Cause> {
        serde_json::from_value(Value::Object(self.reference.limits.clone()))
            .map_err(|error| Cause::Limits(error.to_string()))
    }

    fn config_text(&self) -> String {
        Value::Object(self.config.clone()).to_string()
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

    fn services(
        &self,
        node: &Node,
        store: &Store,
        attachment: &Attachment,
        policy: &AddressPolicy,
        overlay: &Arc<Mutex<StorageOverlay>>,
        writable: bool,
    ) -> HostServices {
        HostServices {
            leases: Some(Box::new(leases(node, store, attachment, policy))),
            storage: PluginStorage::of(overlay, self.name(), writable),
            log: Box::new(LoggedWords {
                log: node.log.clone(),
                plugin: self.name().into(),
            }),
            now: node.now,
        }
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

fn leases(node: &Node, store: &Store, attachment: &Attachment, policy: &AddressPolicy) -> Leases {
    Leases {
        store: store.clone(),
        attachment: attachment.clone(),
        policy: policy.clone(),
        now: unix_seconds(node.now),
        reserved: Vec::new(),
        swept: false,
        log: node.log.clone(),
    }
}

/// What the plugins of one call write, each under its own keys.
pub(crate) fn overlay(store: &Store, attachment: &Attachment) -> Arc<Mutex<StorageOverlay>> {
    Arc::new(Mutex::new(store.storage(attachment, Quota::default())))
}

/// What finished calls want stored.
pub(crate) fn changes(
    store: &Store,
    attachment: &Attachment,
    overlay: &Mutex<StorageOverlay>,
) -> StorageChanges {
    let mut shared = overlay.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *shared, store.storage(attachment, Quota::default())).into_changes()
}

fn config_error(error: cni::config::ConfigError) -> Cause {
    Cause::Request(Box::new(error.into()))
}

/// What plugins are told about the attachment.
pub(crate) fn info(
    attachment: &Attachment,
    requested: &[AddressRequest],
    pod: Option<&Pod>,
) -> AttachmentInfo {
    AttachmentInfo {
        network: attachment.network.clone(),
        container_id: attachment.container_id.clone(),
        interface_name: attachment.interface_name.clone(),
        pod: pod.map(|pod| engine::Pod {
            namespace: pod.namespace.clone().unwrap_or_default(),
            name: pod.name.clone().unwrap_or_default(),
            uid: pod.uid.clone(),
            annotations: pod.annotations.clone().into_iter().collect(),
        }),
        requested: requested.iter().map(requested_address).collect(),
    }
}

fn requested_address(request: &AddressRequest) -> engine::AddressRequest {
    engine::AddressRequest {
        address: request.address,
        prefix_length: request.prefix_length,
        gateway: request.gateway,
        source: match request.source {
            RequestSource::CniArgs => engine::RequestSource::CniArgs,
            RequestSource::Args => engine::RequestSource::Args,
            RequestSource::RuntimeConfig => engine::RequestSource::RuntimeConfig,
        },
    }
}
