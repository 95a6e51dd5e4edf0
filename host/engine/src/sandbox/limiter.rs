use wasmtime::ResourceLimiter;

use super::breach::Breach;
use super::to_u64;
use crate::limits::Limits;
use crate::outcome::Resource;

/// Counts memory and tables over the whole store; wasmtime's own limiter counts each memory for itself.
///
/// Every breach is an error, not a refusal: a refused `memory.grow` would show as whatever the plugin makes of it, most often
/// `unreachable`.
pub(crate) struct SummingLimiter {
    memory: Meter,
    memories: Meter,
    tables: Meter,
    elements: Meter,
    instances: usize,
}

struct Meter {
    resource: Resource,
    used: usize,
    limit: usize,
}

impl Meter {
    fn new(resource: Resource, limit: usize) -> Self {
        Self {
            resource,
            used: 0,
            limit,
        }
    }

    /// `current` and `desired` are one memory's; what the others use stays.
    fn grow(&mut self, current: usize, desired: usize) -> Result<(), Breach> {
        let wanted = self.used.saturating_sub(current).saturating_add(desired);
        if wanted > self.limit {
            let (wanted, limit) = (to_u64(wanted), to_u64(self.limit));
            return Err(Breach::Resource {
                resource: self.resource,
                wanted,
                limit,
            });
        }
        self.used = wanted;
        Ok(())
    }
}

impl SummingLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        let count = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            memory: Meter::new(Resource::MemoryBytes, limits.memory_bytes()),
            memories: Meter::new(Resource::Memories, count(limits.memories)),
            tables: Meter::new(Resource::Tables, count(limits.tables)),
            elements: Meter::new(Resource::TableElements, count(limits.table_elements)),
            instances: count(limits.instances),
        }
    }
}

impl ResourceLimiter for SummingLimiter {
    /// wasmtime asks once for each new memory, with nothing in use. A memory that began empty asks so again when it grows
    /// and is then counted twice, which is the safe side.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if current == 0 {
            self.memories.grow(0, 1)?;
        }
        self.memory.grow(current, desired)?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if current == 0 {
            self.tables.grow(0, 1)?;
        }
        self.elements.grow(current, desired)?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    /// Counted by [`SummingLimiter::memory_growing`], where a breach has a type.
    fn memories(&self) -> usize {
        usize::MAX
    }

    /// Counted by [`SummingLimiter::table_growing`].
    fn tables(&self) -> usize {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn limiter() -> SummingLimiter {
        SummingLimiter::new(&Limits {
            memory_mib: 4,
            memories: 2,
            ..Limits::default()
        })
    }

    fn breached(result: wasmtime::Result<bool>) -> Resource {
        match result.unwrap_err().downcast_ref::<Breach>() {
            Some(Breach::Resource { resource, .. }) => *resource,
            other => panic!("not a breach: {other:?}"),
        }
    }

    #[test]
    fn memories_are_summed() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 2 * MIB, None).unwrap());
        assert!(limiter.memory_growing(0, MIB, None).unwrap());
        assert!(limiter.memory_growing(MIB, 2 * MIB, None).unwrap());
        assert_eq!(
            breached(limiter.memory_growing(2 * MIB, 3 * MIB, None)),
            Resource::MemoryBytes
        );
    }

    #[test]
    fn memories_are_counted() {
        let mut limiter = limiter();
        for _ in 0..2 {
            assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        }
        assert_eq!(
            breached(limiter.memory_growing(0, 1 << 16, None)),
            Resource::Memories
        );
    }

    #[test]
    fn a_growth_that_overflows_is_a_breach() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, MIB, None).unwrap());
        assert_eq!(
            breached(limiter.memory_growing(0, usize::MAX, None)),
            Resource::MemoryBytes
        );
    }

    #[test]
    fn table_elements_are_summed() {
        let limits = Limits {
            table_elements: 10,
            ..Limits::default()
        };
        let mut limiter = SummingLimiter::new(&limits);
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert_eq!(
            breached(limiter.table_growing(0, 5, None)),
            Resource::TableElements
        );
    }
}
