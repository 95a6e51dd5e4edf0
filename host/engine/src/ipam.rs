use std::time::UNIX_EPOCH;

use plan::{Addressing, Dns};
use wasmtime::Store;
use wasmtime::component::Linker;

use crate::attachment::AttachmentInfo;
use crate::audit::Import;
use crate::bindings::ipam::Guest;
use crate::bindings::{IpamPlugin, IpamPluginPre, types};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::outcome::{CallError, Outcome, Phase};
use crate::plugin::Plugin;
use crate::sandbox::{CallState, Sandbox, Seed};
use crate::services::HostServices;
use crate::{host, lift, lower, wasi};

/// A plugin in its role of choosing addresses, linked but not running: each call instantiates it anew.
///
/// `config` is always the network's `ipam` object as JSON text.
pub struct Ipam {
    plugin: Plugin,
    linked: IpamPluginPre<CallState>,
    limits: Limits,
}

type Answer<T> = wasmtime::Result<Result<T, types::Failure>>;

impl Ipam {
    pub(crate) fn new(plugin: &Plugin, grants: &Grants, limits: Limits) -> Result<Self, CallError> {
        let failed = |outcome| CallError {
            plugin: plugin.name.clone(),
            phase: Phase::StartUp,
            outcome,
        };
        if let Some(missing) = plugin.interface().first_ungranted(grants) {
            let (import, grant) = (missing.import, missing.grant);
            return Err(failed(Outcome::NotGranted { import, grant }));
        }
        let instances = limits.instances;
        let linked =
            link(plugin).map_err(|source| failed(Outcome::Instantiation { instances, source }))?;
        Ok(Self {
            plugin: plugin.clone(),
            linked,
            limits,
        })
    }

    /// Is this configuration usable?
    ///
    /// # Errors
    /// The plugin says no, or did not answer.
    pub fn validate(&self, services: HostServices, config: &str) -> Result<(), CallError> {
        let call = Call {
            phase: Phase::Validate,
            attachment: None,
            config,
        };
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
        let call = Call {
            phase: Phase::Allocate,
            attachment: Some(attachment),
            config,
        };
        let lowered = lower::attachment(attachment);
        let resolver = resolver.map(lower::dns);
        let allocation = self.call(call, services, |guest, store| {
            guest.call_allocate(store, &lowered, config, resolver.as_ref())
        })?;
        let answered = self.accept(allocation);
        answered.map_err(|outcome| self.failed(Phase::Allocate, outcome))
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
        let call = Call {
            phase: Phase::Release,
            attachment: Some(attachment),
            config,
        };
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
        let call = Call {
            phase: Phase::Check,
            attachment: Some(attachment),
            config,
        };
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
        let call = Call {
            phase: Phase::Status,
            attachment: None,
            config,
        };
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
        let seed = call.seed(&self.plugin.name, &services);
        let mut sandbox = Sandbox::new(&self.plugin.engine, &self.limits, services, seed)
            .map_err(|outcome| self.failed(Phase::StartUp, outcome))?;
        let answer = match self.linked.instantiate(&mut sandbox.store) {
            Err(error) => Err(self.failed(Phase::StartUp, sandbox.instantiation(error))),
            Ok(instance) => ask(ipam_of(&instance), &mut sandbox.store)
                .map_err(|error| sandbox.outcome(error))
                .and_then(|answer| answer.map_err(|said| lift::failure(said).into()))
                .map_err(|outcome| self.failed(call.phase, outcome)),
        };
        sandbox.finish();
        answer
    }

    fn accept(&self, allocation: types::Allocation) -> Result<Addressing, Outcome> {
        let (size, limit) = (lift::size(&allocation), self.limits.answer_bytes());
        if size > limit {
            let in_u64 = |size| u64::try_from(size).unwrap_or(u64::MAX);
            return Err(Outcome::AnswerTooLarge {
                size: in_u64(size),
                limit: in_u64(limit),
            });
        }
        Ok(lift::addressing(allocation)?)
    }

    fn failed(&self, phase: Phase, outcome: Outcome) -> CallError {
        CallError {
            plugin: self.plugin.name.clone(),
            phase,
            outcome,
        }
    }
}

/// What makes one call the same as another.
struct Call<'a> {
    phase: Phase,
    attachment: Option<&'a AttachmentInfo>,
    config: &'a str,
}

impl Call<'_> {
    fn seed(&self, plugin: &str, services: &HostServices) -> Seed {
        let instant = services.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let attachment = self.attachment.map_or(["", "", ""], |attachment| {
            [
                &attachment.network,
                &attachment.container_id,
                &attachment.interface_name,
            ]
        });
        let [network, container, interface] = attachment.map(str::as_bytes);
        let phase = self.phase.to_string();
        let nanoseconds = instant.as_nanos().to_be_bytes();
        let parts = [
            plugin.as_bytes(),
            phase.as_bytes(),
            network,
            container,
            interface,
        ];
        Seed::of(&[&parts[..], &[self.config.as_bytes(), &nanoseconds]].concat())
    }
}

fn ipam_of(instance: &IpamPlugin) -> &Guest {
    instance.wasm_cni_plugin_ipam()
}

/// Links what the audit found and nothing else.
fn link(plugin: &Plugin) -> wasmtime::Result<IpamPluginPre<CallState>> {
    let mut linker = Linker::new(plugin.engine.wasmtime());
    for import in &plugin.imports {
        match import {
            Import::Own(interface) => host::link(&mut linker, interface)?,
            Import::Wasi(interface) => wasi::link(&mut linker, interface)?,
        }
    }
    IpamPluginPre::new(linker.instantiate_pre(&plugin.component)?)
}
