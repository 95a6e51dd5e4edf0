//! The one place that makes a `Store`. A trap poisons the whole store it happened in, so none is used after a failure.

mod breach;
mod budget;
mod classify;
mod limiter;
mod state;

use std::time::Instant;

use plan::Change;
use wasmtime::{Store, UpdateDeadline};

pub(crate) use self::breach::Breach;
pub(crate) use self::state::{CallState, Context, Seed};
use crate::engine::Engine;
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::services::HostServices;
use crate::watchdog::{self, Armed};

/// The component model's tables: more handles than any plugin that was tried by far.
const MOST_HANDLES: usize = 1_024;

/// A store with every limit in force.
pub(crate) struct Sandbox {
    pub(crate) store: Store<CallState>,
    limits: Limits,
}

impl Sandbox {
    /// A store for a call, whose deadline is running already and is watched until the guard is dropped: a start function can
    /// loop as well.
    pub(crate) fn new(
        engine: &Engine,
        limits: &Limits,
        services: HostServices,
        context: Context,
    ) -> Result<(Self, Armed), Outcome> {
        let deadline = Instant::now() + limits.deadline();
        let state = CallState::new(limits, services, context, deadline);
        let mut store = Store::new(engine.wasmtime(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.host_call_bytes().max(limits.answer_bytes()));
        store.set_max_component_handles(MOST_HANDLES);
        let mut sandbox = Self {
            store,
            limits: limits.clone(),
        };
        let armed = sandbox.begin(deadline)?;
        Ok((sandbox, armed))
    }

    /// The same store for another call.
    pub(crate) fn renew(
        &mut self,
        services: HostServices,
        context: Context,
    ) -> Result<Armed, Outcome> {
        let deadline = Instant::now() + self.limits.deadline();
        self.store
            .data_mut()
            .renew(&self.limits, services, context, deadline);
        self.begin(deadline)
    }

    /// Until it is renewed, it holds nothing that the host offered.
    pub(crate) fn rest(&mut self) {
        self.store.data_mut().withdraw();
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn begin(&mut self, deadline: Instant) -> Result<Armed, Outcome> {
        self.store.set_epoch_deadline(1);
        // The epoch is the engine's: another call's deadline moves it as well.
        self.store.epoch_deadline_callback(move |_| {
            if Instant::now() < deadline {
                return Ok(UpdateDeadline::Continue(1));
            }
            Err(Breach::Deadline.into())
        });
        let armed = watchdog::arm(deadline).map_err(Outcome::NoWatchdog)?;
        let fuelled = self.store.set_fuel(self.limits.fuel);
        fuelled.map_err(|source| self.instantiation(source))?;
        Ok(armed)
    }

    /// How a call ended that wasmtime ended with an error.
    pub(crate) fn outcome(&self, error: wasmtime::Error) -> Outcome {
        match classify::outcome(error, &self.limits) {
            Ok(outcome) => outcome,
            Err(source) => Outcome::Unreadable {
                limit: to_u64(
                    self.limits
                        .host_call_bytes()
                        .max(self.limits.answer_bytes()),
                ),
                source,
            },
        }
    }

    /// How an instantiation ended that wasmtime ended with an error.
    pub(crate) fn instantiation(&self, error: wasmtime::Error) -> Outcome {
        classify::outcome(error, &self.limits).unwrap_or_else(|source| Outcome::Instantiation {
            instances: self.limits.instances,
            source,
        })
    }

    /// Hands what the plugin has written without a final line break to the log. The answer is what it has proposed.
    pub(crate) fn finish(&mut self) -> Vec<Change> {
        let state = self.store.data_mut();
        state.finish();
        state.changes.take()
    }
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
