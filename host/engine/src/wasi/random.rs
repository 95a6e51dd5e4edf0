use sha2::{Digest, Sha256};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::sandbox::{CallState, Seed};

/// Random numbers that follow from a call's input: SHA-256 over the seed and a counter. Unpredictable for who does not know
/// the input, but no secret from who does; a plugin has nobody to keep a secret from.
pub(crate) struct Random {
    seed: Seed,
    blocks: u64,
}

impl Random {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, blocks: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.blocks = self.blocks.wrapping_add(1);
        let block = Sha256::new()
            .chain_update(self.seed.0)
            .chain_update(self.blocks.to_be_bytes());
        block.finalize().into()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            let missing = count - bytes.len();
            bytes.extend(self.block().into_iter().take(missing));
        }
        bytes
    }

    fn number(&mut self) -> u64 {
        self.block()
            .first_chunk()
            .copied()
            .map_or(0, u64::from_be_bytes)
    }
}

impl CallState {
    /// The host allocates what is asked for, so it counts as handed over.
    fn random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.budget.charge(count)?;
        Ok(self.wasi().random.bytes(count))
    }

    fn random_number(&mut self) -> wasmtime::Result<u64> {
        self.budget.charge(0)?;
        Ok(self.wasi().random.number())
    }
}

impl random::Host for CallState {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(count)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_number()
    }
}

impl insecure::Host for CallState {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(count)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_number()
    }
}

impl insecure_seed::Host for CallState {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.random_number()?, self.random_number()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| Random::new(Seed([seed; 32])).bytes(100);
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn numbers_do_not_repeat_within_a_call() {
        let mut random = Random::new(Seed([0; 32]));
        assert_ne!(random.number(), random.number());
        assert_ne!(random.bytes(32), random.bytes(32));
    }
}
