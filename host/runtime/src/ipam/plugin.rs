mod allocation;

use std::sync::{Arc, Mutex};

use cni::address_request::AddressRequest;
use cni::config::{
    IpamConfig, IpamSettings, NetworkConfig, PluginReference, RangeSet, StatusWhenExhausted,
};
use cni::request::Check;
use engine::{Grants, HostServices, Limits, NotReplayable, RecordedCall, Replayed};
use plan::{AddressPolicy, Addressing, Attachment};
use serde_json::{Map, Value};
use store::{StorageOverlay, Store};

use super::policy;
use super::section::{plugin_config, with_gateways};
use crate::failure::Cause;
use crate::node::{Node, is_built_in};
use crate::plugin_host::{Leases, LoggedWords, PluginStorage, changes, info, nobody, overlay};

pub(crate) use allocation::Allocated;

/// IPAM by a plugin in this process.
pub(crate) struct PluginIpam {
    reference: PluginReference,
    settings: IpamSettings,
    sets: Vec<RangeSet>,
    /// The `ipam` object as the plugin sees it.
    config: Map<String, Value>,
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

    /// Runs a recorded call again, with the answers that the host gave then.
    pub(crate) fn replay(
        &self,
        node: &Node,
        call: &RecordedCall,
    ) -> Result<Result<Replayed, NotReplayable>, Cause> {
        Ok(self.load(node)?.replay(call))
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
        let nobody = nobody(network);
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
            leases: Some(Box::new(Leases::of(node, store, attachment, policy))),
            storage: PluginStorage::of(overlay, self.name(), writable),
            log: LoggedWords::of(node, self.name()),
            now: node.now,
        }
    }
}

fn config_error(error: cni::config::ConfigError) -> Cause {
    Cause::Request(Box::new(error.into()))
}
