use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use cni::about::about_text;
use cni::config::MAX_CONFIG_BYTES;
use cni::environment::{Environment, Invocation};
use cni::error::Error as RequestError;
use cni::request::Request;
use cni::verb::Verb;
use cni::version::SpecVersion;
use engine::Builtin;
use serde_json::Value;

use crate::failure::{Cause, Failure};
use crate::log::{Level, Log};
use crate::node::Node;
use crate::settings::Settings;
use crate::{report, verbs};

/// Who calls: what a process gets from outside.
pub struct Caller<'a> {
    /// `argv[0]`.
    pub program: OsString,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Standard input; read only when the verb needs it.
    pub stdin: &'a mut dyn Read,
    /// The built-in plugins.
    pub builtin: Builtin,
}

/// What the process prints and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// For standard output: a result, an error object, or nothing.
    pub stdout: String,
    /// For standard error: only what a person who runs it by hand sees.
    pub stderr: String,
    /// Did it succeed?
    pub success: bool,
}

/// One call of the CNI executable.
pub fn run(caller: Caller<'_>) -> Answer {
    let variables = caller.environment.iter().map(|(name, value)| (name, value));
    match Invocation::from_variables(variables) {
        Ok(Invocation::About) => {
            let stderr = about_text(env!("CARGO_PKG_VERSION"));
            Answer {
                stderr,
                success: true,
                ..Answer::default()
            }
        }
        Ok(Invocation::Call(environment)) => call(caller, &environment),
        Err(error) => refused(error.into(), SpecVersion::LATEST),
    }
}

fn call(caller: Caller<'_>, environment: &Environment) -> Answer {
    let begun = Instant::now();
    let stdin = match read(caller.stdin) {
        Ok(stdin) => stdin,
        // VERSION is answered whatever comes with it.
        Err(_) if environment.verb == Verb::Version => Vec::new(),
        Err(source) => return refused(RequestError::Stdin { source }, SpecVersion::LATEST),
    };
    let version = SpecVersion::for_reply(&stdin);
    let program = Path::new(&caller.program).file_name().unwrap_or_default();
    let request = match Request::parse(program, environment, &stdin) {
        Ok(Request::Version(report)) => {
            let stdout = serde_json::to_string(&report).unwrap_or_default();
            return Answer {
                stdout,
                success: true,
                ..Answer::default()
            };
        }
        Ok(request) => request,
        Err(error) => return refused(error, version),
    };
    let settings = match Settings::load() {
        Ok(settings) => settings,
        Err(error) => return failed(&Failure::of(Cause::Settings(error)), version),
    };
    let log = Log::new(&settings.log_file, settings.log_level);
    let node = Node::new(
        settings,
        log.clone(),
        Some(caller.builtin),
        caller.environment,
    );
    let outcome = serve(&node, request);
    note(&log, environment, &outcome, begun);
    match outcome {
        Ok(result) => Answer {
            stdout: result.map(|result| result.to_string()).unwrap_or_default(),
            success: true,
            ..Answer::default()
        },
        Err(failure) => failed(&failure, version),
    }
}

/// One byte more than a configuration may have, so that a longer one is seen to be too long.
fn read(stdin: &mut dyn Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_CONFIG_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    stdin.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn serve(node: &Node, request: Request) -> Result<Option<Value>, Failure> {
    match request {
        Request::Add(add) => verbs::add(node, &add).map(Some),
        Request::Del(del) => verbs::del(node, &del).map(|()| None),
        Request::Check(check) => verbs::check(node, &check).map(|()| None),
        Request::Gc(gc) => verbs::gc(node, &gc).map(|()| None),
        Request::Status(status) => verbs::status(node, &status).map(|()| None),
        Request::Version(report) => Ok(serde_json::to_value(report).ok()),
    }
}

fn note(
    log: &Log,
    environment: &Environment,
    outcome: &Result<Option<Value>, Failure>,
    begun: Instant,
) {
    let call = format!(
        "{} {}/{}{} in {:.1} ms",
        environment.verb,
        environment.container_id.as_deref().unwrap_or("-"),
        environment.interface_name.as_deref().unwrap_or("-"),
        environment
            .trace_parent
            .as_ref()
            .map(|trace| format!(" trace={}", trace.trace_id()))
            .unwrap_or_default(),
        begun.elapsed().as_secs_f64() * 1000.0,
    );
    match outcome {
        Ok(_) => log.write(Level::Info, &format!("{call}: ok")),
        Err(failure) => log.write(Level::Error, &format!("{call}: {failure}")),
    }
}

fn refused(error: RequestError, version: SpecVersion) -> Answer {
    failed(&Failure::of(Cause::Request(Box::new(error))), version)
}

fn failed(failure: &Failure, version: SpecVersion) -> Answer {
    let object = report::error_object(failure, version);
    Answer {
        stdout: serde_json::to_string(&object).unwrap_or_default(),
        ..Answer::default()
    }
}
