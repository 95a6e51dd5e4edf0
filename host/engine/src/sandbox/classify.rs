use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::breach::Breach;
use super::to_u64;
use crate::limits::Limits;
use crate::outcome::Outcome;

/// What an error of wasmtime's means, by its type; an error of no known type is handed back.
pub(super) fn outcome(error: wasmtime::Error, limits: &Limits) -> Result<Outcome, wasmtime::Error> {
    if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
        return Ok(Outcome::Exited { status: *status });
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Ok(trapped(*trap, limits));
    }
    error
        .downcast::<Breach>()
        .map(|breach| breached(breach, limits))
}

fn trapped(trap: Trap, limits: &Limits) -> Outcome {
    match trap {
        Trap::OutOfFuel => Outcome::OutOfFuel { limit: limits.fuel },
        Trap::Interrupt => breached(Breach::Deadline, limits),
        Trap::StackOverflow => Outcome::StackOverflow,
        kind => Outcome::Trapped { kind },
    }
}

fn breached(breach: Breach, limits: &Limits) -> Outcome {
    match breach {
        Breach::Deadline => Outcome::DeadlineExceeded {
            limit_ms: limits.deadline_ms,
        },
        Breach::Resource {
            resource,
            wanted,
            limit,
        } => Outcome::OutOfMemory {
            resource,
            wanted,
            limit,
        },
        Breach::HostCalls => Outcome::TooManyHostCalls {
            limit: limits.host_calls,
        },
        Breach::HostCallBytes => Outcome::TooManyHostCallBytes {
            limit: to_u64(limits.host_call_bytes()),
        },
        Breach::Ungranted { wanted, grant } => Outcome::Ungranted { wanted, grant },
        Breach::Changes => Outcome::TooManyChanges {
            limit: limits.changes,
        },
        Breach::Change { kind, source } => Outcome::MalformedChange { kind, source },
        Breach::Misuse(misuse) => Outcome::Misused(misuse),
        Breach::Service(source) => Outcome::Service(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_recognised_beneath_what_was_said_about_it() {
        let limits = Limits::default();
        let deep = wasmtime::Error::from(Trap::OutOfFuel).context("while calling `allocate`");
        assert!(matches!(
            outcome(deep, &limits),
            Ok(Outcome::OutOfFuel { .. })
        ));
        let deep = wasmtime::Error::from(Breach::HostCalls).context("while calling `allocate`");
        assert!(matches!(
            outcome(deep, &limits),
            Ok(Outcome::TooManyHostCalls { .. })
        ));
    }

    #[test]
    fn the_text_of_an_error_decides_nothing() {
        let text = wasmtime::Error::msg("all fuel consumed by WebAssembly");
        assert!(outcome(text, &Limits::default()).is_err());
    }
}
