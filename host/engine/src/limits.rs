use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one call of a plugin may use, from the moment it is instantiated.
///
/// Strict by default; a network's configuration overrides single fields under `limits`:
/// `{"memoryMiB": 64, "deadlineMs": 5000}`. An unknown key is an error. A call of a plugin compiled from Rust burns about
/// 11,000 units of fuel, one of a Python plugin 220,000, so the default leaves room for every language that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// Units of fuel, roughly one a WebAssembly instruction.
    pub fuel: u64,
    /// Wall-clock time in milliseconds, instantiation and host calls included.
    pub deadline_ms: u32,
    /// Linear memory in MiB: the sum over all memories of all instances.
    #[serde(rename = "memoryMiB")]
    pub memory_mib: u32,
    /// Linear memories.
    pub memories: u32,
    /// Core instances; a Python plugin needs 40.
    pub instances: u32,
    /// Tables.
    pub tables: u32,
    /// Elements: the sum over all tables.
    pub table_elements: u32,
    /// Calls into the host.
    pub host_calls: u32,
    /// KiB that the plugin hands to the host: the sum over all host calls.
    #[serde(rename = "hostCallKiB")]
    pub host_call_kib: u32,
    /// Changes that one call proposes.
    pub changes: u32,
    /// KiB of the answer, strings and lists counted.
    #[serde(rename = "answerKiB")]
    pub answer_kib: u32,
    /// KiB of log text, standard output and standard error included; more is cut, not an error.
    #[serde(rename = "logKiB")]
    pub log_kib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 100_000_000,
            deadline_ms: 2_000,
            memory_mib: 32,
            memories: 4,
            instances: 64,
            tables: 16,
            table_elements: 100_000,
            host_calls: 10_000,
            host_call_kib: 1_024,
            changes: 1_024,
            answer_kib: 256,
            log_kib: 64,
        }
    }
}

impl Limits {
    /// [`Limits::deadline_ms`] as a duration.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(u64::from(self.deadline_ms))
    }

    /// [`Limits::memory_mib`] in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        bytes(self.memory_mib, 1 << 20)
    }

    /// [`Limits::host_call_kib`] in bytes.
    #[must_use]
    pub fn host_call_bytes(&self) -> usize {
        bytes(self.host_call_kib, 1 << 10)
    }

    /// [`Limits::answer_kib`] in bytes.
    #[must_use]
    pub fn answer_bytes(&self) -> usize {
        bytes(self.answer_kib, 1 << 10)
    }

    /// [`Limits::log_kib`] in bytes.
    #[must_use]
    pub fn log_bytes(&self) -> usize {
        bytes(self.log_kib, 1 << 10)
    }
}

/// Saturates where an address space is smaller than the product.
fn bytes(count: u32, unit: usize) -> usize {
    usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_overrides_single_fields() {
        let limits: Limits =
            serde_json::from_str(r#"{"memoryMiB": 16, "hostCallKiB": 8}"#).unwrap();
        assert_eq!(limits.memory_bytes(), 16 << 20);
        assert_eq!(limits.host_call_bytes(), 8 << 10);
        assert_eq!(limits.fuel, Limits::default().fuel);
    }

    #[test]
    fn an_unknown_limit_is_refused() {
        let refused = serde_json::from_str::<Limits>(r#"{"memory": 16}"#).unwrap_err();
        assert!(refused.to_string().contains("memoryMiB"), "{refused}");
    }
}
