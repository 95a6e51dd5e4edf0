use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use cni::about::about_text;
use cni::config::{MAX_CONFIG_BYTES, parse_document};
use cni::environment::{Environment, Invocation};
use cni::error::Error as RequestError;
use cni::request::Request;
use cni::verb::Verb;
use cni::version::SpecVersion;
use cni::version_report::VersionReport;
use engine::Builtin;
use serde_json::Value;

use crate::failure::{Cause, Failure};
use crate::log::{Fields, Level, Log};
use crate::node::Node;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::timing::{self, Spent};
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
    let begun = Instant::now();
    let variables = caller.environment.iter().map(|(name, value)| (name, value));
    let environment = match Invocation::from_variables(variables) {
        Ok(Invocation::About) => {
            return Answer {
                stderr: about_text(env!("CARGO_PKG_VERSION")),
                success: true,
                ..Answer::default()
            };
        }
        // Probed often, and answered whatever comes with it: nothing is opened and nothing noted.
        Ok(Invocation::Call(environment)) if environment.verb == Verb::Version => {
            let report = VersionReport::answer(&read(caller.stdin).unwrap_or_default());
            return done(serde_json::to_string(&report).unwrap_or_default());
        }
        Ok(Invocation::Call(environment)) => Ok(environment),
        Err(error) => Err(RequestError::from(error)),
    };
    let mut call = Call {
        begun,
        start: kernel::processor_time(),
        subject: Subject::of_caller(&caller.program, &caller.environment),
        version: SpecVersion::LATEST,
    };
    let ((log, outcome), spent) = timing::measure(|| call.serve(caller, environment));
    let answer = call.finish(&log, outcome, &spent);
    fault_point::before("the answer");
    answer
}

/// A call under way, as far as it is known.
struct Call {
    begun: Instant,
    /// What the process took before it came to us.
    start: Duration,
    subject: Subject,
    /// That of the answer.
    version: SpecVersion,
}

impl Call {
    fn serve(
        &mut self,
        caller: Caller<'_>,
        environment: Result<Environment, RequestError>,
    ) -> (Log, Result<Option<Value>, Cause>) {
        let request = environment
            .and_then(|environment| self.read(&caller.program, &environment, caller.stdin));
        let settings = Settings::load();
        let log = match &settings {
            Ok(settings) => Log::of(settings),
            // What is wrong with them must stand somewhere.
            Err(_) => Log::of(&Settings::default()),
        };
        let outcome = match (request, settings) {
            (Err(error), _) => Err(Cause::Request(Box::new(error))),
            (Ok(_), Err(error)) => Err(error.into()),
            (Ok(request), Ok(settings)) => {
                let builtin = Some(caller.builtin);
                let node = Node::new(settings, log.clone(), builtin, caller.environment);
                let outcome = dispatch(&node, request);
                node.leave();
                outcome
            }
        };
        (log, outcome)
    }

    fn read(
        &mut self,
        program: &OsStr,
        environment: &Environment,
        stdin: &mut dyn Read,
    ) -> Result<Request, RequestError> {
        let _span = tracing::trace_span!(target: "wasm_cni", "parse").entered();
        let stdin = read(stdin).map_err(|source| RequestError::Stdin { source })?;
        let executable = Path::new(program).file_name().unwrap_or_default();
        let request = Request::parse(executable, environment, &stdin);
        match request.as_ref().map(Request::call) {
            Ok(Some(call)) => {
                self.version = call.config.cni_version;
                self.subject.read_config(&call.config.raw);
            }
            // What can't be served may still say whom it is about.
            _ => {
                let document = parse_document(&stdin).unwrap_or_default();
                self.version = SpecVersion::of_document(&document).unwrap_or(SpecVersion::LATEST);
                self.subject.read_config(&document);
            }
        }
        request
    }

    fn finish(&self, log: &Log, outcome: Result<Option<Value>, Cause>, spent: &Spent) -> Answer {
        match outcome {
            Ok(result) => {
                log.line(Level::Info, &self.line(0, spent));
                done(result.map(|result| result.to_string()).unwrap_or_default())
            }
            Err(cause) => {
                let failure = Failure {
                    subject: &self.subject,
                    cause: &cause,
                };
                let object = report::error_object(&failure, self.version);
                let mut line = self.line(object.code.number(), spent);
                line.add("msg", &object.message);
                log.line(Level::Error, &line);
                Answer {
                    stdout: serde_json::to_string(&object).unwrap_or_default(),
                    ..Answer::default()
                }
            }
        }
    }

    fn line(&self, code: u32, spent: &Spent) -> Fields {
        let mut line = Fields::default();
        self.subject.add_to(&mut line);
        line.add("code", code);
        line.milliseconds("start", self.start);
        spent.add_to(&mut line, self.begun.elapsed());
        line
    }
}

fn done(stdout: String) -> Answer {
    Answer {
        stdout,
        success: true,
        ..Answer::default()
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

fn dispatch(node: &Node, request: Request) -> Result<Option<Value>, Cause> {
    match request {
        Request::Add(add) => verbs::add(node, &add).map(Some),
        Request::Del(del) => verbs::del(node, &del).map(|()| None),
        Request::Check(check) => verbs::check(node, &check).map(|()| None),
        Request::Gc(gc) => verbs::gc(node, &gc).map(|()| None),
        Request::Status(status) => verbs::status(node, &status).map(|()| None),
        Request::Version(report) => Ok(serde_json::to_value(report).ok()),
    }
}
