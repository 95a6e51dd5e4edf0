use std::time::UNIX_EPOCH;

use crate::bindings::clock::{Host, Instant};
use crate::sandbox::CallState;

impl Host for CallState {
    /// An instant before 1970 reads as 1970: the contract has no earlier ones.
    fn now(&mut self) -> wasmtime::Result<Instant> {
        self.budget.charge(0)?;
        let since_epoch = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Instant {
            seconds: since_epoch.as_secs(),
            nanoseconds: since_epoch.subsec_nanos(),
        })
    }
}
