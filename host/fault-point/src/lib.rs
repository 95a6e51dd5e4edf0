//! Points at which a test can have the process killed (SIGKILL): one before each effect that outlives it.
//!
//! What lies between two effects is the same state whether the process dies right after the one or right before the
//! other, so a point before each effect and one at the end stand for every moment. Without the feature `armed` a point is
//! no code at all; the executable that is shipped is built without it.

/// The process is about to do this, which would outlive it.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub fn before(_effect: &str) {}

/// The process is about to do this, which would outlive it.
#[cfg(feature = "armed")]
pub fn before(effect: &str) {
    armed::before(effect);
}

#[cfg(feature = "armed")]
mod armed {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use nix::sys::signal::{Signal, raise};

    /// The number of the point at which to die, 1 for the first that the process reaches.
    const VARIABLE: &str = "WASM_CNI_FAULT_POINT";

    pub(super) fn before(effect: &str) {
        static REACHED: AtomicU32 = AtomicU32::new(0);
        static DEADLY: OnceLock<Option<u32>> = OnceLock::new();
        let number = REACHED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let deadly = DEADLY.get_or_init(|| std::env::var(VARIABLE).ok()?.parse().ok());
        if *deadly == Some(number) {
            let _ = writeln!(std::io::stderr(), "killed before {effect}");
            // Nothing can refuse it, and nothing runs after it: no destructor, no flush.
            let _ = raise(Signal::SIGKILL);
        }
    }
}
