//! What can go wrong with one call of one plugin.

use std::fmt;
use std::io;
use std::process::ExitStatus;

use cni::error::ErrorObject;
use cni::ids::PluginType;
use cni::verb::Verb;
use thiserror::Error;

use crate::printable;

/// A plugin's call that failed.
#[derive(Debug, Error)]
#[error("{verb} by plugin {plugin}: {cause}")]
pub(crate) struct PluginFailure {
    /// What was asked.
    pub(crate) verb: Verb,
    /// Which plugin.
    pub(crate) plugin: PluginType,
    /// Why it failed. Its text is part of this error's, so it is no separate source.
    pub(crate) cause: Cause,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub(crate) enum Cause {
    /// There is no such executable.
    #[error(
        "no executable of that name in {searched}; install it there or add its directory with --cni-path"
    )]
    NotFound {
        /// The directories, as one text.
        searched: String,
    },
    /// It can't be started, fed or read.
    #[error("it can't be run: {0}")]
    Run(io::Error),
    /// It wrote more than a runtime is willing to read.
    #[error("it wrote more than {limit} bytes to standard output")]
    TooMuchOutput {
        /// The limit.
        limit: u64,
    },
    /// It failed and said why.
    #[error("{} (code {})", Quoted(&.0.message), .0.code)]
    Reported(Box<ErrorObject>),
    /// It failed and printed no error object.
    #[error("it ended with {status} and printed no error object{}", Trailing(.stderr))]
    Silent {
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error.
        stderr: String,
    },
    /// It succeeded and printed no result.
    #[error("it succeeded, yet its answer is no result: {0}")]
    NoResult(serde_json::Error),
    /// It succeeded and printed JSON that is no object.
    #[error("it succeeded, yet its answer is no result: a JSON object is wanted")]
    NoObject,
}

impl PluginFailure {
    /// The error object that the plugin printed, if it printed one.
    pub(crate) fn object(&self) -> Option<&ErrorObject> {
        match &self.cause {
            Cause::Reported(object) => Some(object),
            _ => None,
        }
    }
}

/// Foreign text in one line; says so where there is none.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => formatter.write_str("it failed without a message"),
            text => formatter.write_str(&printable::line(text)),
        }
    }
}

/// What stood last on standard error, where anything did.
struct Trailing<'a>(&'a str);

impl fmt::Display for Trailing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.trim() {
            "" => Ok(()),
            text => write!(formatter, "; it said: {}", printable::line(text)),
        }
    }
}
