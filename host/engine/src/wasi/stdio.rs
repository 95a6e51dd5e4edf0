use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamResult};

use crate::host::Transcript;
use crate::sandbox::CallState;
use crate::services::LogLevel;

/// A line longer than this is broken.
const LONGEST_LINE: usize = 4 << 10;
/// What one write may bring, in bytes.
const PERMIT: usize = 64 << 10;

/// Standard output and standard error of a plugin: lines of its log.
pub(crate) struct StandardStreams {
    output: LineStream,
    error: LineStream,
}

impl StandardStreams {
    pub(super) fn new(transcript: Transcript) -> Self {
        Self {
            output: LineStream::new(LogLevel::Info, transcript.clone()),
            error: LineStream::new(LogLevel::Warning, transcript),
        }
    }

    pub(super) fn flush(&self) {
        self.output.end();
        self.error.end();
    }
}

/// Gathers bytes to lines. Never full and never waits: what is too much for the log is cut there.
#[derive(Clone)]
struct LineStream {
    level: LogLevel,
    transcript: Transcript,
    line: Arc<Mutex<Vec<u8>>>,
}

impl LineStream {
    fn new(level: LogLevel, transcript: Transcript) -> Self {
        Self {
            level,
            transcript,
            line: Arc::default(),
        }
    }

    fn take_in(&self, bytes: &[u8]) {
        let mut line = self.lock();
        for &byte in bytes {
            match byte {
                b'\n' => self.hand_over(&mut line),
                byte => line.push(byte),
            }
            if line.len() >= LONGEST_LINE {
                self.hand_over(&mut line);
            }
        }
    }

    fn end(&self) {
        let mut line = self.lock();
        if !line.is_empty() {
            self.hand_over(&mut line);
        }
    }

    fn hand_over(&self, line: &mut Vec<u8>) {
        self.transcript
            .line(self.level, &String::from_utf8_lossy(line));
        line.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take_in(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

impl stdout::Host for CallState {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.budget.charge(0)?;
        let wasi = self.wasi();
        let stream: DynOutputStream = Box::new(wasi.streams.output.clone());
        Ok(wasi.table.push(stream)?)
    }
}

impl stderr::Host for CallState {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.budget.charge(0)?;
        let wasi = self.wasi();
        let stream: DynOutputStream = Box::new(wasi.streams.error.clone());
        Ok(wasi.table.push(stream)?)
    }
}
