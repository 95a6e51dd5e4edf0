use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::services::{LogLevel, LogSink};
use crate::text;

/// What a plugin says during one call, by its log or by WASI's standard streams: bounded in sum, control characters removed.
#[derive(Clone)]
pub(crate) struct Transcript(Arc<Mutex<Lines>>);

struct Lines {
    sink: Box<dyn LogSink>,
    left: usize,
    cut: usize,
}

impl Transcript {
    pub(crate) fn new(sink: Box<dyn LogSink>, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            sink,
            left: limit,
            cut: 0,
        })))
    }

    /// One line; what exceeds the limit is cut, and counted.
    pub(crate) fn line(&self, level: LogLevel, line: &str) {
        let mut lines = self.lock();
        // A line costs at least one byte, or empty ones would be without end.
        let cost = line.len().max(1);
        let kept = text::head(line, lines.left);
        lines.cut = lines.cut.saturating_add(line.len() - kept.len());
        let empty_handed = lines.left == 0;
        lines.left = lines.left.saturating_sub(cost);
        if !empty_handed {
            lines.sink.line(level, &text::printable(kept));
        }
    }

    /// Says how much was cut.
    pub(crate) fn finish(&self) {
        let mut lines = self.lock();
        if lines.cut > 0 {
            let cut = format!("{} more bytes of log were cut (`limits.logKiB`)", lines.cut);
            lines.cut = 0;
            lines.sink.line(LogLevel::Warning, &cut);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<(LogLevel, String)>);

    impl LogSink for Kept {
        fn line(&mut self, level: LogLevel, text: &str) {
            self.0.push((level, text.to_owned()));
        }
    }

    fn kept_of(limit: usize, lines: &[&str]) -> Vec<String> {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let transcript = Transcript::new(Box::new(Arc::clone(&kept)), limit);
        for line in lines {
            transcript.line(LogLevel::Info, line);
        }
        transcript.finish();
        let kept = kept.lock().unwrap();
        kept.0.iter().map(|(_, text)| text.clone()).collect()
    }

    #[test]
    fn a_flood_is_cut_and_said_so_once() {
        let kept = kept_of(10, &["12345678", "abcdef", "x", "y"]);
        assert_eq!(
            kept,
            [
                "12345678",
                "ab",
                "6 more bytes of log were cut (`limits.logKiB`)"
            ]
        );
    }

    #[test]
    fn a_terminal_is_safe_from_what_a_plugin_says() {
        assert_eq!(
            kept_of(100, &["\u{1b}[2Jgone\r\nnext\u{202e}"]),
            ["\u{fffd}[2Jgone\u{fffd} next\u{fffd}"]
        );
    }

    #[test]
    fn empty_lines_have_an_end() {
        assert_eq!(kept_of(2, &["", "", "", ""]).len(), 2);
    }
}
