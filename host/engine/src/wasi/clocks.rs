use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::sandbox::CallState;

/// Time as a plugin sees it: it stands still, and jumps when the plugin waits for something.
pub(crate) struct VirtualClock {
    began: Duration,
    /// Nanoseconds since the call began.
    elapsed: u64,
    /// By the handle of a pollable, when it becomes ready.
    timers: BTreeMap<u32, u64>,
}

impl VirtualClock {
    pub(super) fn new(now: SystemTime) -> Self {
        let began = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            began,
            elapsed: 0,
            timers: BTreeMap::new(),
        }
    }

    /// When a pollable becomes ready; what is no timer (a stream) always is.
    pub(super) fn ready_at(&self, pollable: u32) -> u64 {
        self.timers.get(&pollable).copied().unwrap_or(0)
    }

    pub(super) fn is_ready(&self, pollable: u32) -> bool {
        self.ready_at(pollable) <= self.elapsed
    }

    pub(super) fn advance_to(&mut self, instant: u64) {
        self.elapsed = self.elapsed.max(instant);
    }

    pub(super) fn forget(&mut self, pollable: u32) {
        self.timers.remove(&pollable);
    }

    fn wall(&self) -> wall_clock::Datetime {
        let now = self
            .began
            .saturating_add(Duration::from_nanos(self.elapsed));
        wall_clock::Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        }
    }
}

/// What a timer's pollable hangs on. Never asked: our own `wasi:io/poll` looks at the [`VirtualClock`].
struct Timer;

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {}
}

impl CallState {
    fn timer(&mut self, ready_at: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let wasi = self.wasi();
        let timer = wasi.table.push(Timer)?;
        let pollable = subscribe(&mut wasi.table, timer)?;
        wasi.clock.timers.insert(pollable.rep(), ready_at);
        Ok(pollable)
    }
}

impl monotonic_clock::Host for CallState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.budget.charge(0)?;
        Ok(self.wasi().clock.elapsed)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.budget.charge(0)?;
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.budget.charge(0)?;
        self.timer(when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.budget.charge(0)?;
        let when = self.wasi().clock.elapsed.saturating_add(duration);
        self.timer(when)
    }
}

impl wall_clock::Host for CallState {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.budget.charge(0)?;
        Ok(self.wasi().clock.wall())
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.budget.charge(0)?;
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1,
        })
    }
}
