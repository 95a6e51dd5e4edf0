use cni::config::{NetworkConfig, PluginReference, StageConfig};
use engine::{
    AttachmentInfo, CallError, Grants, HostServices, Limits, NotReplayable, Policy, RecordedCall,
    Replayed,
};
use plan::{Attachment, Change, ChangeKind, Proposal, StageName};
use serde_json::{Map, Value};
use store::Document;

use crate::failure::Cause;
use crate::node::{Node, is_built_in_policy};
use crate::plugin_host::{self, LoggedWords, PluginStorage};

/// One stage of a chain, ready to be asked.
pub(crate) struct Stage {
    pub(crate) name: StageName,
    reference: PluginReference,
    /// What the plugin reads, as JSON text.
    config: String,
    /// The stage's own object, for its id.
    own: Map<String, Value>,
}

/// A stage's answer.
pub(crate) struct Asked {
    /// What it wants changed.
    pub(crate) outcome: Result<Vec<Change>, CallError>,
    /// What it may ask for.
    pub(crate) granted: Granted,
    /// The call as data.
    pub(crate) call: RecordedCall,
}

/// What a stage may ask for.
pub(crate) struct Granted(Grants);

impl Granted {
    pub(crate) fn allows(&self, kind: ChangeKind) -> bool {
        self.0.contains(engine::Grant::Change(kind))
    }
}

impl Stage {
    /// The stages of the `chain` of a link.
    pub(crate) fn of_chain(config: &NetworkConfig) -> Vec<Self> {
        let stages = config.chain.iter().enumerate();
        stages
            .map(|(position, stage)| Self::new(config, stage, Some(position)))
            .collect()
    }

    /// The stage that an entry of the network's list is by itself.
    pub(crate) fn of_entry(config: &NetworkConfig) -> Option<Self> {
        let stage = config.stage.as_ref()?;
        Some(Self::new(config, stage, None))
    }

    fn new(config: &NetworkConfig, stage: &StageConfig, position: Option<usize>) -> Self {
        let plugin = stage.reference.plugin.to_string();
        let mut own = stage.config.clone();
        own.insert("plugin".into(), Value::String(plugin.clone()));
        let mut seen = own.clone();
        seen.insert("name".into(), Value::String(config.name.to_string()));
        for key in ["cniVersion", "runtimeConfig", "args"] {
            if let Some(value) = config.raw.get(key) {
                seen.insert(key.into(), value.clone());
            }
        }
        Self {
            name: StageName { plugin, position },
            reference: stage.reference.clone(),
            config: Value::Object(seen).to_string(),
            own,
        }
    }

    /// The stage's own object without what a runtime injects.
    pub(crate) fn own_config(&self) -> &Map<String, Value> {
        &self.own
    }

    /// The stage's own object with what says how the plugin is run, which no hash covers.
    pub(crate) fn recorded_config(&self) -> Map<String, Value> {
        let mut config = self.own.clone();
        let reference = &self.reference;
        if let Some(digest) = &reference.digest {
            config.insert("digest".into(), Value::String(digest.to_string()));
        }
        if !reference.grants.is_empty() {
            config.insert("grants".into(), reference.grants.clone().into());
        }
        if !reference.limits.is_empty() {
            config.insert("limits".into(), Value::Object(reference.limits.clone()));
        }
        config
    }

    /// What it wants changed, what it may ask for, and what was recorded of the call.
    pub(super) fn amend(
        &self,
        node: &Node,
        attachment: &AttachmentInfo,
        storage: Box<dyn engine::Storage>,
        proposal: &Proposal,
    ) -> Result<(Vec<Change>, Granted, Option<Document>), Cause> {
        let services = self.services(node, storage);
        let asked = self.ask(node, attachment, services, proposal)?;
        // What can't be kept can't be explained later, which is no reason to fail.
        let call = Document::of(&asked.call).ok();
        Ok((asked.outcome?, asked.granted, call))
    }

    /// As [`Stage::amend`]; a plugin that fails has its call recorded all the same.
    pub(crate) fn ask(
        &self,
        node: &Node,
        attachment: &AttachmentInfo,
        services: HostServices,
        proposal: &Proposal,
    ) -> Result<Asked, Cause> {
        let (policy, grants) = self.load(node)?;
        let (outcome, call) = policy.amend_recorded(services, attachment, &self.config, proposal);
        Ok(Asked {
            outcome,
            granted: Granted(grants),
            call,
        })
    }

    /// Runs a recorded call of this stage again, with the answers that the host gave then.
    pub(crate) fn replay(
        &self,
        node: &Node,
        call: &RecordedCall,
    ) -> Result<Result<Replayed, NotReplayable>, Cause> {
        let (policy, _) = self.load(node)?;
        Ok(policy.replay(call))
    }

    /// Tells the plugin that the attachment is gone. The built-in ones keep nothing that the host does not remove.
    pub(crate) fn release(&self, node: &Node, attachment: &Attachment) -> Result<(), Cause> {
        if self.is_built_in() {
            return Ok(());
        }
        let store = node.store()?;
        let overlay = plugin_host::overlay(store, attachment);
        let (policy, _) = self.load(node)?;
        let storage = PluginStorage::of(&overlay, &self.name.plugin, true);
        let info = plugin_host::info(attachment, &[], None);
        policy.release(self.services(node, storage), &info, &self.config)?;
        Ok(store.commit_durable(&plugin_host::changes(store, attachment, &overlay))?)
    }

    /// Asks the plugin whether the attachment is as it wants it.
    pub(crate) fn check(
        &self,
        node: &Node,
        attachment: &Attachment,
        info: &AttachmentInfo,
        proposal: &Proposal,
    ) -> Result<(), Cause> {
        let store = node.store()?;
        let overlay = plugin_host::overlay(store, attachment);
        let (policy, _) = self.load(node)?;
        let storage = PluginStorage::of(&overlay, &self.name.plugin, false);
        let services = self.services(node, storage);
        Ok(policy.check(services, info, &self.config, proposal)?)
    }

    /// Asks the plugin whether it could serve.
    pub(crate) fn status(&self, node: &Node, network: &str) -> Result<(), Cause> {
        let store = node.store()?;
        let nobody = plugin_host::nobody(network);
        let (policy, _) = self.load(node)?;
        let services = || {
            let overlay = plugin_host::overlay(store, &nobody);
            self.services(node, PluginStorage::of(&overlay, &self.name.plugin, false))
        };
        policy.validate(services(), &self.config)?;
        Ok(policy.status(services(), &self.config)?)
    }

    fn is_built_in(&self) -> bool {
        self.reference.digest.is_none() && is_built_in_policy(&self.name.plugin)
    }

    fn load(&self, node: &Node) -> Result<(Policy, Grants), Cause> {
        let digest = self.reference.digest.as_ref().map(AsRef::as_ref);
        let plugin = node.plugin(&self.name.plugin, digest)?;
        let names = self.reference.grants.iter().map(String::as_str);
        let grants = match (self.is_built_in(), self.reference.grants.is_empty()) {
            (true, true) => Grants::of_builtin_policy(&self.name.plugin),
            _ => Grants::parse(names)?,
        };
        let limits: Limits = serde_json::from_value(Value::Object(self.reference.limits.clone()))
            .map_err(|error| Cause::Limits(error.to_string()))?;
        Ok((plugin.policy(&grants, limits)?, grants))
    }

    fn services(&self, node: &Node, storage: Box<dyn engine::Storage>) -> HostServices {
        HostServices {
            leases: None,
            storage,
            log: LoggedWords::of(node, &self.name.plugin),
            now: node.now,
        }
    }
}
