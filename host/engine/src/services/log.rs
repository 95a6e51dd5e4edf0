/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For those who look for a fault.
    Debug,
    /// For the curious.
    Info,
    /// Something to look at.
    Warning,
    /// Something failed.
    Error,
}

/// Where a plugin's words go. Lines are bounded in sum and hold no control characters.
pub trait LogSink: Send {
    /// One line.
    fn line(&mut self, level: LogLevel, text: &str);
}
