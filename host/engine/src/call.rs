use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use plan::{Change, Proposal};
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::attachment::AttachmentInfo;
use crate::bindings::types;
use crate::grants::Grants;
use crate::lift;
use crate::limits::Limits;
use crate::outcome::{CallError, Outcome, Phase};
use crate::plugin::{Loaded, Plugin};
use crate::role::Role;
use crate::running::Running;
use crate::sandbox::{CallState, Context, Seed};
use crate::services::HostServices;
use crate::watchdog::Armed;

/// What a function of a plugin returns, as wasmtime hands it over.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, types::Failure>>;

/// Where the functions of one role are in a component.
pub(crate) trait Export: Sized + Clone {
    /// The role.
    const ROLE: Role;
    /// The functions of one instance.
    type Guest;

    /// Where they are kept once they have been found.
    fn found(loaded: &Loaded) -> &OnceLock<Self>;

    /// Finds them and checks their types.
    fn find(component: &InstancePre<CallState>) -> wasmtime::Result<Self>;

    /// Those of this instance.
    fn load(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> wasmtime::Result<Self::Guest>;
}

/// A plugin in one role, linked but not running.
pub(crate) struct Linked<E> {
    plugin: Plugin,
    component: InstancePre<CallState>,
    export: E,
    grants: Grants,
    limits: Limits,
}

/// What came of a call that the plugin ended with success.
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    /// What it proposed meanwhile, in its order.
    pub(crate) changes: Vec<Change>,
}

impl<E: Export> Linked<E> {
    pub(crate) fn new(plugin: &Plugin, grants: &Grants, limits: Limits) -> Result<Self, CallError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "load").entered();
        let failed = |outcome| CallError {
            plugin: plugin.name.clone(),
            phase: Phase::StartUp,
            outcome,
        };
        let offered = plugin.interface().roles();
        if !offered.contains(&E::ROLE) {
            let wanted = E::ROLE;
            return Err(failed(Outcome::NoRole { wanted, offered }));
        }
        let missing = plugin.interface().first_ungranted(grants);
        if let Some(missing) = missing.filter(|_| !plugin.is_builtin()) {
            let (import, grant) = (missing.import, missing.grant);
            return Err(failed(Outcome::NotGranted { import, grant }));
        }
        let instances = limits.instances;
        let linked = link(&plugin.loaded)
            .and_then(|component| Ok((find(&plugin.loaded, component)?, component.clone())));
        let (export, component) =
            linked.map_err(|source| failed(Outcome::Instantiation { instances, source }))?;
        Ok(Self {
            plugin: plugin.clone(),
            component,
            export,
            grants: grants.clone(),
            limits,
        })
    }

    /// Asks the plugin: an installed one in an instance of its own, a built-in one in the instance that waits, if there is one.
    pub(crate) fn call<T>(
        &self,
        call: Call<'_>,
        services: HostServices,
        ask: impl FnOnce(&E::Guest, &mut Store<CallState>) -> Answer<T>,
    ) -> Result<Answered<T>, CallError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "guest").entered();
        let context = Context {
            seed: call.seed(&self.plugin.name, &services),
            grants: self.grants.clone(),
            proposal: call.proposal.cloned().unwrap_or_default(),
            amends: call.phase == Phase::Amend,
        };
        let (mut running, _armed) = self
            .start(services, context)
            .map_err(|outcome| self.failed(Phase::StartUp, outcome))?;
        let Running { sandbox, instance } = &mut running;
        let answer = match self.export.load(&mut sandbox.store, instance) {
            Err(error) => Err(self.failed(Phase::StartUp, sandbox.instantiation(error))),
            Ok(guest) => ask(&guest, &mut sandbox.store)
                .map_err(|error| sandbox.outcome(error))
                .and_then(|answer| answer.map_err(|said| lift::failure(said).into()))
                .map_err(|outcome| self.failed(call.phase, outcome)),
        };
        let changes = sandbox.finish();
        if answer.is_ok() && self.plugin.keeps_nothing() {
            self.plugin.loaded.idle.keep(running);
        }
        answer.map(|value| Answered { value, changes })
    }

    fn start(&self, services: HostServices, context: Context) -> Result<(Running, Armed), Outcome> {
        let loaded = &self.plugin.loaded;
        match loaded.idle.take(&self.limits) {
            Some(running) => running.again(services, context),
            None => Running::start(
                &loaded.engine,
                &self.component,
                &self.limits,
                services,
                context,
            ),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The plugin's name.
    pub(crate) fn name(&self) -> &str {
        &self.plugin.name
    }

    pub(crate) fn failed(&self, phase: Phase, outcome: Outcome) -> CallError {
        CallError {
            plugin: self.plugin.name.clone(),
            phase,
            outcome,
        }
    }
}

/// What makes one call the same as another.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    phase: Phase,
    attachment: Option<&'a AttachmentInfo>,
    config: &'a str,
    proposal: Option<&'a Proposal>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        phase: Phase,
        attachment: Option<&'a AttachmentInfo>,
        config: &'a str,
    ) -> Self {
        Self {
            phase,
            attachment,
            config,
            proposal: None,
        }
    }

    /// A call that is shown this proposal; others are shown an empty one.
    pub(crate) fn showing(self, proposal: &'a Proposal) -> Self {
        Self {
            proposal: Some(proposal),
            ..self
        }
    }

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

/// Links a component once for all of its plugins.
fn link(loaded: &Loaded) -> wasmtime::Result<&InstancePre<CallState>> {
    if let Some(linked) = loaded.linked.get() {
        return Ok(linked);
    }
    let linked = loaded.engine.link(&loaded.component, &loaded.imports)?;
    Ok(loaded.linked.get_or_init(|| linked))
}

/// Finds the functions of a role, once for all plugins of a component.
fn find<E: Export>(loaded: &Loaded, component: &InstancePre<CallState>) -> wasmtime::Result<E> {
    let found = E::found(loaded);
    if let Some(export) = found.get() {
        return Ok(export.clone());
    }
    let export = E::find(component)?;
    Ok(found.get_or_init(|| export).clone())
}
