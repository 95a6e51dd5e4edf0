use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::EngineWeak;

/// One thread that sleeps until the earliest deadline and then increments the engine's epoch.
///
/// There is no ticker: the epoch only moves when a deadline has passed, and each store then looks at its own. The thread is
/// started by the first call and ends with the last handle to the engine.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    engine: EngineWeak,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    started: bool,
    stopped: bool,
    next_id: u64,
    /// None while the thread runs or sleeps without end.
    asleep_until: Option<Instant>,
    /// By call, when the epoch moves next on its behalf.
    armed: BTreeMap<u64, Instant>,
}

/// A call that has passed its deadline is told again after this time: it may have been looking at its clock just then, and
/// have missed it.
const REMINDER: Duration = Duration::from_millis(10);

/// A deadline being watched; disarmed when dropped.
pub(crate) struct Armed {
    shared: Weak<Shared>,
    call: u64,
}

impl Watchdog {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Self {
        Self {
            shared: Arc::default(),
            engine: engine.weak(),
        }
    }

    /// Watch a deadline until the guard is dropped.
    pub(crate) fn arm(&self, deadline: Instant) -> io::Result<Armed> {
        let mut state = self.shared.lock();
        if !state.started {
            self.start()?;
            state.started = true;
        }
        let call = state.next_id;
        state.next_id = state.next_id.wrapping_add(1);
        state.armed.insert(call, deadline);
        // Whoever wakes before this deadline will see it; a later call's usually comes after the last one's.
        if state.asleep_until.is_none_or(|until| deadline < until) {
            self.shared.changed.notify_one();
        }
        Ok(Armed {
            shared: Arc::downgrade(&self.shared),
            call,
        })
    }

    fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let engine = self.engine.clone();
        // It calls nothing that needs more stack.
        let builder = thread::Builder::new()
            .name("deadline".to_owned())
            .stack_size(64 << 10);
        builder.spawn(move || shared.watch(&engine)).map(drop)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lock().armed.remove(&self.call);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, engine: &EngineWeak) {
        let mut state = self.lock();
        while !state.stopped {
            let now = Instant::now();
            state.asleep_until = state.armed.values().min().copied();
            state = match state.asleep_until {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) if deadline <= now => {
                    let passed = state.armed.values_mut().filter(|next| **next <= now);
                    passed.for_each(|next| *next = now + REMINDER);
                    if let Some(engine) = engine.upgrade() {
                        engine.increment_epoch();
                    }
                    state
                }
                Some(deadline) => {
                    let waited = self.changed.wait_timeout(state, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
