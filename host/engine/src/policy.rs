use std::sync::OnceLock;

use plan::{Change, Proposal};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::attachment::AttachmentInfo;
use crate::bindings::policy::{Guest, GuestIndices};
use crate::call::{Answer, Answered, Call, Export, Linked};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::lower;
use crate::outcome::{CallError, Phase};
use crate::plugin::{Loaded, Plugin};
use crate::role::Role;
use crate::sandbox::CallState;
use crate::services::HostServices;

/// A plugin in its role of being a stage of a chain, linked but not running.
///
/// `config` is always the stage's object as JSON text. A policy has no leases: those of [`HostServices`] are not used.
pub struct Policy {
    linked: Linked<GuestIndices>,
}

impl Export for GuestIndices {
    const ROLE: Role = Role::Policy;
    type Guest = Guest;

    fn found(loaded: &Loaded) -> &OnceLock<Self> {
        &loaded.policy
    }

    fn find(component: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        Self::new(component)
    }

    fn load(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<Guest> {
        Self::load(self, store, instance)
    }
}

impl Policy {
    pub(crate) fn new(plugin: &Plugin, grants: &Grants, limits: Limits) -> Result<Self, CallError> {
        Linked::new(plugin, grants, limits).map(|linked| Self { linked })
    }

    /// The plugin's name.
    pub(crate) fn name(&self) -> &str {
        self.linked.name()
    }

    /// Is this configuration usable?
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn validate(&self, services: HostServices, config: &str) -> Result<(), CallError> {
        let call = Call::new(Phase::Validate, None, config);
        self.call(call, services, |guest, store| {
            guest.call_validate(store, config)
        })
        .map(|answered| answered.value)
    }

    /// What it wants changed for a new attachment, in its order. `proposal` is what it is shown.
    ///
    /// Each change has its grant, and is well-formed. Nothing else is checked, neither ranges nor what fits the proposal or
    /// other stages: that is `plan::Merge`'s.
    ///
    /// # Errors
    /// The plugin says no, or did not answer, or it proposed what it has no grant for or what breaks the contract.
    pub fn amend(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        proposal: &Proposal,
    ) -> Result<Vec<Change>, CallError> {
        let call = Call::new(Phase::Amend, Some(attachment), config).showing(proposal);
        let lowered = lower::attachment(attachment);
        self.call(call, services, |guest, store| {
            guest.call_amend(store, &lowered, config)
        })
        .map(|answered| answered.changes)
    }

    /// The attachment is gone, and what was applied for it is undone already.
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn release(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
    ) -> Result<(), CallError> {
        let call = Call::new(Phase::Release, Some(attachment), config);
        let lowered = lower::attachment(attachment);
        self.call(call, services, |guest, store| {
            guest.call_release(store, &lowered, config)
        })
        .map(|answered| answered.value)
    }

    /// Is the attachment still as this stage wants it? `proposal` is what was applied.
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn check(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        proposal: &Proposal,
    ) -> Result<(), CallError> {
        let call = Call::new(Phase::Check, Some(attachment), config).showing(proposal);
        let lowered = lower::attachment(attachment);
        self.call(call, services, |guest, store| {
            guest.call_check(store, &lowered, config)
        })
        .map(|answered| answered.value)
    }

    /// Could [`Policy::amend`] serve now?
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn status(&self, services: HostServices, config: &str) -> Result<(), CallError> {
        let call = Call::new(Phase::Status, None, config);
        self.call(call, services, |guest, store| {
            guest.call_status(store, config)
        })
        .map(|answered| answered.value)
    }

    fn call(
        &self,
        call: Call<'_>,
        services: HostServices,
        ask: impl FnOnce(&Guest, &mut Store<CallState>) -> Answer<()>,
    ) -> Result<Answered<()>, CallError> {
        let services = HostServices {
            leases: None,
            ..services
        };
        self.linked.call(call, services, ask)
    }
}
