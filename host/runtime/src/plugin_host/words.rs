use engine::{LogLevel, LogSink};

use crate::log::{Level, Log};
use crate::node::Node;

/// A plugin's words, in the node's log.
pub(crate) struct LoggedWords {
    log: Log,
    plugin: String,
}

impl LoggedWords {
    pub(crate) fn of(node: &Node, plugin: &str) -> Box<dyn LogSink> {
        Box::new(Self {
            log: node.log.clone(),
            plugin: plugin.to_owned(),
        })
    }
}

impl LogSink for LoggedWords {
    fn line(&mut self, level: LogLevel, text: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warning => Level::Warning,
            LogLevel::Error => Level::Error,
        };
        self.log
            .write(level, &format!("plugin {}: {text}", self.plugin));
    }
}
