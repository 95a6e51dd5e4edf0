use crate::bindings::log::{Host, Level};
use crate::sandbox::CallState;
use crate::services::LogLevel;

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.budget.charge(message.len())?;
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
            Level::Error => LogLevel::Error,
        };
        self.transcript.line(level, &message);
        Ok(())
    }
}
