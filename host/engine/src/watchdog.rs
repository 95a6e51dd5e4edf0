//! Deadlines of calls: a timer of the kernel, whose signal moves the epoch that compiled code looks at.
//!
//! A thread that sleeps until the deadline would do as well, but to start one for each call of the executable costs more
//! than most plugins do.

use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::c_int;
use nix::sys::signal::{
    SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, Signal, sigaction,
};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;

/// A process that runs plugins leaves it to us.
const SIGNAL: Signal = Signal::SIGALRM;
/// A call that has passed its deadline is told again after this time: it may have been looking at its clock just then, and
/// have missed it.
const REMINDER: Duration = Duration::from_millis(10);
/// To a timer no time at all means never.
const SHORTEST: Duration = Duration::from_nanos(1);

/// The engine whose epoch moves, which is that of all plugins of this process.
static ENGINE: OnceLock<wasmtime::Engine> = OnceLock::new();

/// The engine of this process. The first one that is made stays until the process ends.
pub(crate) fn engine_of_process(
    make: impl FnOnce() -> wasmtime::Result<wasmtime::Engine>,
) -> wasmtime::Result<&'static wasmtime::Engine> {
    match ENGINE.get() {
        Some(engine) => Ok(engine),
        None => {
            let made = make()?;
            Ok(ENGINE.get_or_init(|| made))
        }
    }
}

/// A deadline being watched; disarmed when dropped.
pub(crate) struct Armed {
    _timer: Timer,
}

/// Moves the epoch at the deadline, and from then on until the guard is dropped. There is one epoch for all calls of the
/// process, so whoever sees it move looks at its own deadline.
///
/// # Errors
/// The kernel gives no timer.
pub(crate) fn arm(deadline: Instant) -> io::Result<Armed> {
    listen()?;
    let event = SigEvent::new(SigevNotify::SigevSignal {
        signal: SIGNAL,
        si_value: 0,
    });
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let expiration = Expiration::IntervalDelayed(left.max(SHORTEST).into(), REMINDER.into());
    timer.set(expiration, TimerSetTimeFlags::empty())?;
    Ok(Armed { _timer: timer })
}

/// Has the signal handled, once for the process, and taken by this thread, whatever its parent had blocked.
fn listen() -> Result<(), Errno> {
    static HANDLED: OnceLock<Result<(), Errno>> = OnceLock::new();
    let handled = HANDLED.get_or_init(|| {
        let action = SigAction::new(
            SigHandler::Handler(move_epoch),
            SaFlags::SA_RESTART | SaFlags::SA_ONSTACK,
            SigSet::empty(),
        );
        // SAFETY: the handler does nothing but load and add to atomics.
        #[allow(unsafe_code, reason = "a signal handler")]
        unsafe { sigaction(SIGNAL, &action) }.map(drop)
    });
    (*handled)?;
    SigSet::from(SIGNAL).thread_unblock()
}

extern "C" fn move_epoch(_: c_int) {
    if let Some(engine) = ENGINE.get() {
        engine.increment_epoch();
    }
}
