use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use wasmtime::EngineWeak;

/// One thread that sleeps until the earliest deadline and then increments the engine's epoch, once.
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
    armed: BTreeSet<(Instant, u64)>,
}

/// A deadline being watched; disarmed when dropped.
pub(crate) struct Armed {
    shared: Weak<Shared>,
    entry: (Instant, u64),
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
        let entry = (deadline, state.next_id);
        state.next_id = state.next_id.wrapping_add(1);
        state.armed.insert(entry);
        if state.armed.first() == Some(&entry) {
            self.shared.changed.notify_one();
        }
        Ok(Armed {
            shared: Arc::downgrade(&self.shared),
            entry,
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
            shared.lock().armed.remove(&self.entry);
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
            state = match state.armed.first().copied() {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(entry) if entry.0 <= now => {
                    state.armed.remove(&entry);
                    if let Some(engine) = engine.upgrade() {
                        engine.increment_epoch();
                    }
                    state
                }
                Some((deadline, _)) => {
                    let waited = self.changed.wait_timeout(state, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
