use std::fs;

use rtnetlink::LinkUnspec;

use super::loopback::LOOPBACK;
use super::{Linux, set};
use crate::KernelError;

/// `CAP_SYS_ADMIN`, which entering a namespace needs (`linux/capability.h`).
const CAP_SYS_ADMIN: u32 = 21;
const STATUS: &str = "/proc/thread-self/status";

impl Linux {
    /// Could steps be performed: netlink answers, and this process may change links and enter namespaces. Changes nothing
    /// and asks for nothing that grows with the number of containers.
    ///
    /// # Errors
    /// What is missing.
    pub fn can_serve(&self) -> Result<(), KernelError> {
        // A change of nothing: the kernel checks the permission and is done.
        let nothing = LinkUnspec::new_with_index(LOOPBACK).build();
        set(&self.host, nothing, || "changing links".into())?;
        let status = fs::read_to_string(STATUS).map_err(|source| KernelError::Io {
            doing: "reading this process's capabilities",
            source,
        })?;
        if effective(&status).is_some_and(|all| all & (1 << CAP_SYS_ADMIN) == 0) {
            return Err(KernelError::Permission {
                doing: "entering network namespaces".into(),
            });
        }
        Ok(())
    }
}

/// The effective capabilities (proc_pid_status(5), `CapEff`).
fn effective(status: &str) -> Option<u64> {
    let digits = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(digits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_capabilities_are_read() {
        assert_eq!(
            effective("CapPrm:\t00\nCapEff:\t0000000000200000\n"),
            Some(1 << CAP_SYS_ADMIN)
        );
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
