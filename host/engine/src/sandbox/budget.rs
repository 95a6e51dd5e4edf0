use std::time::Instant;

use super::breach::Breach;
use crate::limits::Limits;

/// What a call may still ask of the host. Neither fuel nor epoch sees into a host call, so each one counts itself here.
pub(crate) struct HostCallBudget {
    deadline: Instant,
    calls: u32,
    bytes: usize,
}

impl HostCallBudget {
    pub(super) fn new(limits: &Limits, deadline: Instant) -> Self {
        Self {
            deadline,
            calls: limits.host_calls,
            bytes: limits.host_call_bytes(),
        }
    }

    /// One more host call, for which the plugin handed over `bytes`, or for which the host will allocate as many.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Breach> {
        self.calls = self.calls.checked_sub(1).ok_or(Breach::HostCalls)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Breach::HostCallBytes)?;
        if Instant::now() >= self.deadline {
            return Err(Breach::Deadline);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> Limits {
        Limits {
            host_calls: 3,
            host_call_kib: 1,
            ..Limits::default()
        }
    }

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn bytes_are_counted_over_all_calls() {
        let mut budget = HostCallBudget::new(&limits(), in_an_hour());
        assert!(budget.charge(1000).is_ok());
        assert!(budget.charge(24).is_ok());
        assert!(matches!(budget.charge(1), Err(Breach::HostCallBytes)));
    }

    #[test]
    fn calls_are_counted_whatever_they_carry() {
        let mut budget = HostCallBudget::new(&limits(), in_an_hour());
        for _ in 0..3 {
            assert!(budget.charge(0).is_ok());
        }
        assert!(matches!(budget.charge(0), Err(Breach::HostCalls)));
    }

    #[test]
    fn a_host_call_sees_that_the_deadline_has_passed() {
        let mut budget = HostCallBudget::new(&limits(), Instant::now());
        assert!(matches!(budget.charge(0), Err(Breach::Deadline)));
    }
}
