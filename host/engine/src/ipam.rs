use std::sync::OnceLock;

use plan::{Addressing, Dns};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::attachment::AttachmentInfo;
use crate::bindings::ipam::{Guest, GuestIndices};
use crate::bindings::types;
use crate::call::{Answer, Call, Export, Linked};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::outcome::{CallError, Outcome, Phase};
use crate::plugin::{Loaded, Plugin};
use crate::role::Role;
use crate::sandbox::CallState;
use crate::services::HostServices;
use crate::{lift, lower};

/// A plugin in its role of choosing addresses, linked but not running.
///
/// `config` is always the network's `ipam` object as JSON text.
pub struct Ipam {
    linked: Linked<GuestIndices>,
}

impl Export for GuestIndices {
    const ROLE: Role = Role::Ipam;
    type Guest = Guest;

    fn found(loaded: &Loaded) -> &OnceLock<Self> {
        &loaded.ipam
    }

    fn find(component: &InstancePre<CallState>) -> wasmtime::Result<Self> {
        Self::new(component)
    }

    fn load(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<Guest> {
        Self::load(self, store, instance)
    }
}

impl Ipam {
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
    }

    /// Choose and reserve addresses. `resolver` is what the host read from the file that `ipam.resolvConf` names.
    ///
    /// What was reserved stays reserved whether or not this succeeds: releasing it after a failure is the caller's part.
    ///
    /// # Errors
    /// The plugin says no, or did not answer, or its answer breaks the contract.
    pub fn allocate(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        resolver: Option<&Dns>,
    ) -> Result<Addressing, CallError> {
        let call = Call::new(Phase::Allocate, Some(attachment), config);
        let lowered = lower::attachment(attachment);
        let resolver = resolver.map(lower::dns);
        let allocation = self.call(call, services, |guest, store| {
            guest.call_allocate(store, &lowered, config, resolver.as_ref())
        })?;
        let answered = self.accept(allocation);
        answered.map_err(|outcome| self.linked.failed(Phase::Allocate, outcome))
    }

    /// The attachment is gone and its addresses are released already.
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
    }

    /// Is what was allocated still in order?
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn check(
        &self,
        services: HostServices,
        attachment: &AttachmentInfo,
        config: &str,
        addressing: &Addressing,
    ) -> Result<(), CallError> {
        let call = Call::new(Phase::Check, Some(attachment), config);
        let lowered = lower::attachment(attachment);
        let allocation = lower::addressing(addressing);
        self.call(call, services, |guest, store| {
            guest.call_check(store, &lowered, config, &allocation)
        })
    }

    /// Could [`Ipam::allocate`] serve now?
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn status(&self, services: HostServices, config: &str) -> Result<(), CallError> {
        let call = Call::new(Phase::Status, None, config);
        self.call(call, services, |guest, store| {
            guest.call_status(store, config)
        })
    }

    fn call<T>(
        &self,
        call: Call<'_>,
        services: HostServices,
        ask: impl FnOnce(&Guest, &mut Store<CallState>) -> Answer<T>,
    ) -> Result<T, CallError> {
        let answered = self.linked.call(call, services, ask)?;
        Ok(answered.value)
    }

    fn accept(&self, allocation: types::Allocation) -> Result<Addressing, Outcome> {
        let (size, limit) = (lift::size(&allocation), self.linked.limits().answer_bytes());
        if size > limit {
            let in_u64 = |size| u64::try_from(size).unwrap_or(u64::MAX);
            return Err(Outcome::AnswerTooLarge {
                size: in_u64(size),
                limit: in_u64(limit),
            });
        }
        Ok(lift::addressing(allocation)?)
    }
}
