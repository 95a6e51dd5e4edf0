use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The processor time that this process has used: read at the beginning of `main`, it is what loading the executable
/// took. Zero where the kernel does not tell.
#[must_use]
pub fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
