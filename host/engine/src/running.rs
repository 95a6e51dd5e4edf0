use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::component::{Instance, InstancePre};

use crate::engine::Engine;
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::sandbox::{CallState, Context, Sandbox};
use crate::services::HostServices;
use crate::watchdog::Armed;

/// An instance of a component, in its sandbox.
pub(crate) struct Running {
    pub(crate) sandbox: Sandbox,
    pub(crate) instance: Instance,
}

impl Running {
    /// A fresh one, and the watch over its first call's deadline.
    pub(crate) fn start(
        engine: &Engine,
        component: &InstancePre<CallState>,
        limits: &Limits,
        services: HostServices,
        context: Context,
    ) -> Result<(Self, Armed), Outcome> {
        let (mut sandbox, armed) = Sandbox::new(engine, limits, services, context)?;
        match component.instantiate(&mut sandbox.store) {
            Ok(instance) => Ok((Self { sandbox, instance }, armed)),
            Err(error) => Err(sandbox.instantiation(error)),
        }
    }

    /// The same one for another call, and the watch over that call's deadline.
    pub(crate) fn again(
        mut self,
        services: HostServices,
        context: Context,
    ) -> Result<(Self, Armed), Outcome> {
        let armed = self.sandbox.renew(services, context)?;
        Ok((self, armed))
    }
}

/// The instance that waits for the next call; at most one.
///
/// Only a component that is part of the executable has one: its plugins keep nothing from call to call, and to instantiate
/// it costs more than what most of them do. One whose call failed never waits.
#[derive(Default)]
pub(crate) struct Idle(Mutex<Option<Running>>);

impl Idle {
    /// The one that waits, if these are its limits.
    pub(crate) fn take(&self, limits: &Limits) -> Option<Running> {
        let waiting = self.lock().take();
        waiting.filter(|running| running.sandbox.limits() == limits)
    }

    /// Has it wait. It holds nothing of its last call any more.
    pub(crate) fn keep(&self, mut running: Running) {
        running.sandbox.rest();
        *self.lock() = Some(running);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
