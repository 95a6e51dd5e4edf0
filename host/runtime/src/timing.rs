//! Where a call's time goes: the spans (crate `tracing`) that store, engine, kernel and this library enter, added up by
//! name. Time in an inner span is not that of the outer one, so that the parts never exceed the whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::log::Fields;

/// The target of our spans; those of other libraries are not looked at.
const TARGET: &str = "wasm_cni";

/// The names of our spans, in the order of the log line's fields. `docs/log.md` says what each is.
const PHASES: [&str; 10] = [
    "parse", "load", "guest", "verify", "delegate", "lock", "store", "netns", "netlink", "nft",
];

/// The time spent in each phase, as in [`PHASES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent([Duration; PHASES.len()]);

/// Does work and tells what it spent. Only the calling thread counts: what it waits for is its own time.
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let running = Arc::new(Mutex::new(Running::default()));
    let outcome = tracing::subscriber::with_default(Clock(Arc::clone(&running)), work);
    let spent = lock(&running).spent;
    (outcome, spent)
}

impl Spent {
    /// The fields of a log line, `other` included: what is left of the whole.
    pub(crate) fn add_to(&self, line: &mut Fields, whole: Duration) {
        line.milliseconds("took", whole);
        for (phase, time) in PHASES.into_iter().zip(self.0) {
            line.milliseconds(phase, time);
        }
        let known: Duration = self.0.iter().sum();
        line.milliseconds("other", whole.saturating_sub(known));
    }
}

struct Clock(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    /// The spans that are entered, the innermost last, and since when that one has the time.
    inside: Vec<Id>,
    since: Option<Instant>,
    spent: Spent,
}

impl Running {
    /// The innermost span has had the time until now.
    fn settle(&mut self) {
        let now = Instant::now();
        let of_phase = |id: &Id| usize::try_from(id.into_u64()).ok()?.checked_sub(1);
        if let Some(phase) = self.inside.last().and_then(of_phase)
            && let Some(spent) = self.spent.0.get_mut(phase)
            && let Some(since) = self.since
        {
            *spent += now.saturating_duration_since(since);
        }
        self.since = Some(now);
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriber for Clock {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == TARGET
    }

    /// The phase's place in [`PHASES`], counted from 1; behind the last for a name that is not there.
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = span.metadata().name();
        let place = PHASES.iter().position(|phase| *phase == name);
        let number = place.unwrap_or(PHASES.len()).saturating_add(1);
        Id::from_u64(u64::try_from(number).unwrap_or(u64::MAX))
    }

    fn enter(&self, span: &Id) {
        let mut running = lock(&self.0);
        running.settle();
        running.inside.push(span.clone());
    }

    fn exit(&self, _: &Id) {
        let mut running = lock(&self.0);
        running.settle();
        running.inside.pop();
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use tracing::trace_span;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(2);

    fn of(spent: &Spent, phase: &str) -> Duration {
        spent.0[PHASES.iter().position(|known| *known == phase).unwrap()]
    }

    #[test]
    fn an_inner_phase_is_not_counted_twice() {
        let begun = Instant::now();
        let ((), spent) = measure(|| {
            let _guest = trace_span!(target: "wasm_cni", "guest").entered();
            for _ in 0..2 {
                let _store = trace_span!(target: "wasm_cni", "store").entered();
                sleep(PAUSE);
            }
            sleep(PAUSE);
        });
        let whole = begun.elapsed();
        assert!(of(&spent, "store") >= 2 * PAUSE && of(&spent, "guest") >= PAUSE);
        assert!(spent.0.iter().sum::<Duration>() <= whole);
        let mut line = Fields::default();
        spent.add_to(&mut line, whole);
        let keys: Vec<String> = line
            .to_string()
            .split_whitespace()
            .filter_map(|field| Some(field.split_once('=')?.0.to_owned()))
            .collect();
        assert_eq!((keys[0].as_str(), keys.len()), ("took", PHASES.len() + 2));
    }

    #[test]
    fn the_document_has_every_field() {
        const DOCUMENT: &str = include_str!("../../../docs/log.md");
        for phase in PHASES {
            assert!(DOCUMENT.contains(&format!("| `{phase}` |")), "{phase}");
        }
    }

    #[test]
    fn other_spans_and_other_threads_do_not_count() {
        let ((), spent) = measure(|| {
            let _foreign = trace_span!(target: "other", "store").entered();
            let _unknown = trace_span!(target: "wasm_cni", "unheard of").entered();
            let thread = std::thread::spawn(|| {
                let _store = trace_span!(target: "wasm_cni", "store").entered();
                sleep(PAUSE);
            });
            thread.join().unwrap();
        });
        assert_eq!(spent, Spent::default());
    }
}
