//! `wasi:io/streams` without waiting: the only streams there are, standard input (closed) and the log, are always ready.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sync::io::streams::{
    Host, HostInputStream, HostOutputStream, StreamError as Reported,
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult, subscribe,
};

use crate::sandbox::CallState;

impl CallState {
    fn charge_stream(&mut self, bytes: usize) -> StreamResult<()> {
        self.budget
            .charge(bytes)
            .map_err(|breach| StreamError::Trap(breach.into()))
    }
}

impl Host for CallState {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<Reported> {
        match error {
            StreamError::Closed => Ok(Reported::Closed),
            StreamError::LastOperationFailed(error) => Ok(Reported::LastOperationFailed(
                self.wasi().table.push(error)?,
            )),
            StreamError::Trap(error) => Err(error),
        }
    }
}

impl HostInputStream for CallState {
    /// What is read is allocated by the host, but no stream there is has anything to read.
    fn read(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        self.charge_stream(0)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(self.wasi().table.get_mut(&stream)?.read(len)?.into())
    }

    fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<Vec<u8>> {
        self.read(stream, len)
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        let skipped = self.read(stream, len)?;
        Ok(u64::try_from(skipped.len()).unwrap_or(u64::MAX))
    }

    fn blocking_skip(&mut self, stream: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        self.skip(stream, len)
    }

    fn subscribe(
        &mut self,
        stream: Resource<DynInputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.budget.charge(0)?;
        subscribe(&mut self.wasi().table, stream)
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<()> {
        self.wasi().table.delete(stream)?;
        Ok(())
    }
}

impl HostOutputStream for CallState {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.charge_stream(0)?;
        let permit = self.wasi().table.get_mut(&stream)?.check_write()?;
        Ok(u64::try_from(permit).unwrap_or(u64::MAX))
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.charge_stream(bytes.len())?;
        self.wasi().table.get_mut(&stream)?.write(bytes.into())
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.write(stream, bytes)
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.charge_stream(0)?;
        self.wasi().table.get_mut(&stream)?.flush()
    }

    fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.flush(stream)
    }

    fn subscribe(
        &mut self,
        stream: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.budget.charge(0)?;
        subscribe(&mut self.wasi().table, stream)
    }

    /// The host allocates the zeroes, so they count as handed over.
    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.charge_stream(len)?;
        self.wasi().table.get_mut(&stream)?.write_zeroes(len)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        self.write_zeroes(stream, len)
    }

    fn splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        let permit = self.check_write(Resource::new_borrow(to.rep()))?;
        let bytes = self.read(from, len.min(permit))?;
        let spliced = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.write(to, bytes)?;
        Ok(spliced)
    }

    fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        self.splice(to, from, len)
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        self.wasi().table.delete(stream)?;
        Ok(())
    }
}
