use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::sync::io::poll::{Host, HostPollable};

use crate::sandbox::CallState;

/// Waiting takes no time: the clock jumps to when the first of the pollables is ready.
impl Host for CallState {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.budget.charge(size_of_val(pollables.as_slice()))?;
        let clock = &mut self.wasi().clock;
        let earliest = pollables
            .iter()
            .map(|pollable| clock.ready_at(pollable.rep()))
            .min();
        let earliest = earliest.ok_or_else(|| wasmtime::Error::msg("an empty list was polled"))?;
        clock.advance_to(earliest);
        let ready = pollables
            .iter()
            .zip(0..)
            .filter(|(pollable, _)| clock.is_ready(pollable.rep()));
        Ok(ready.map(|(_, index)| index).collect())
    }
}

impl HostPollable for CallState {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.budget.charge(0)?;
        Ok(self.wasi().clock.is_ready(pollable.rep()))
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.budget.charge(0)?;
        let clock = &mut self.wasi().clock;
        clock.advance_to(clock.ready_at(pollable.rep()));
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let wasi = self.wasi();
        wasi.clock.forget(pollable.rep());
        wasmtime_wasi_io::bindings::wasi::io::poll::HostPollable::drop(&mut wasi.table, pollable)
    }
}
