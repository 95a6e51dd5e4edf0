//! From the variables and standard input to a request.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::{Add, Call, Check, Del, Gc, Request, Status};
use crate::address_request::{requested_addresses, requested_mac};
use crate::attachment::Attachment;
use crate::config::{ConfigError, NetworkConfig, config_version, network_name, parse_document};
use crate::environment::{Environment, EnvironmentError};
use crate::error::Error;
use crate::ids::NetworkName;
use crate::pod::Pod;
use crate::role::Role;
use crate::verb::Verb;
use crate::version_report::VersionReport;

pub(super) fn parse(
    executable: &OsStr,
    environment: &Environment,
    stdin: &[u8],
) -> Result<Request, Error> {
    if environment.verb == Verb::Version {
        return Ok(Request::Version(VersionReport::answer(stdin)));
    }
    let document = parse_document(stdin)?;
    let name = network_name(&document)?;
    let attachment = match environment.verb {
        Verb::Add | Verb::Del | Verb::Check => Some(attachment(environment, &name)?),
        Verb::Gc | Verb::Status | Verb::Version => None,
    };
    let version = config_version(&document)?;
    environment.verb.require(version)?;
    let (config, problems) = NetworkConfig::from_document(executable, document, name, version);
    match (environment.verb, attachment) {
        (Verb::Del, Some(attachment)) => {
            Ok(del(executable, environment, config, problems, attachment))
        }
        (verb, attachment) => {
            refuse(problems)?;
            let call = call(Role::of(executable, &config)?, environment, config);
            match (verb, attachment) {
                (Verb::Add, Some(attachment)) => add(environment, call, attachment),
                (Verb::Check, Some(attachment)) => check(environment, call, attachment),
                (Verb::Gc, _) => gc(call),
                _ => Ok(Request::Status(Box::new(Status { call }))),
            }
        }
    }
}

/// The first problem is the error, the others are its details.
fn refuse(problems: Vec<ConfigError>) -> Result<(), Error> {
    let mut problems = problems.into_iter();
    match problems.next() {
        None => Ok(()),
        Some(first) => Err(Error::Config {
            first,
            others: problems.collect(),
        }),
    }
}

fn call(role: Role, environment: &Environment, config: NetworkConfig) -> Call {
    Call {
        role,
        config,
        search_path: environment.search_path(),
        trace_parent: environment.trace_parent.clone(),
    }
}

fn attachment(environment: &Environment, network: &NetworkName) -> Result<Attachment, Error> {
    Ok(Attachment {
        network: network.clone(),
        container_id: environment
            .container_id
            .as_deref()
            .unwrap_or_default()
            .parse()?,
        interface_name: environment
            .interface_name
            .as_deref()
            .unwrap_or_default()
            .parse()?,
    })
}

fn netns(environment: &Environment) -> Result<PathBuf, Error> {
    let missing = || EnvironmentError::Missing {
        verb: environment.verb,
        names: vec!["CNI_NETNS"],
    };
    Ok(environment.netns.clone().ok_or_else(missing)?)
}

fn add(environment: &Environment, call: Call, attachment: Attachment) -> Result<Request, Error> {
    let config = &call.config;
    if call.role == Role::Stage && config.previous_result.is_none() {
        return Err(missing_previous_result(
            "a stage works on the result of an interface plugin; put one before it in \"plugins\"",
        ));
    }
    let arguments = environment.read_arguments()?;
    Ok(Request::Add(Box::new(Add {
        attachment,
        netns: netns(environment)?,
        netns_override: environment.netns_override,
        addresses: requested_addresses(&config.runtime_config, &config.args, &arguments)?,
        mac: requested_mac(&config.runtime_config, &config.args, &arguments)?,
        pod: Pod::gather(&arguments, &config.runtime_config),
        gateways: arguments.gateways,
        call,
    })))
}

fn del(
    executable: &OsStr,
    environment: &Environment,
    config: NetworkConfig,
    problems: Vec<ConfigError>,
    attachment: Attachment,
) -> Request {
    let mut problems: Vec<Error> = problems.into_iter().map(Error::from).collect();
    let role = Role::of(executable, &config).unwrap_or_else(|error| {
        problems.push(error.into());
        Role::of_spoilt(&config)
    });
    let arguments = environment.read_arguments().unwrap_or_else(|error| {
        problems.push(error.into());
        Default::default()
    });
    Request::Del(Box::new(Del {
        attachment,
        netns: environment.netns.clone(),
        netns_override: environment.netns_override,
        pod: Pod::gather(&arguments, &config.runtime_config),
        call: call(role, environment, config),
        problems,
    }))
}

fn check(environment: &Environment, call: Call, attachment: Attachment) -> Result<Request, Error> {
    let previous_result = call.config.previous_result.clone().ok_or_else(|| {
        missing_previous_result("CHECK needs the result of the ADD, which the runtime must give")
    })?;
    let arguments = environment.read_arguments()?;
    let config = &call.config;
    Ok(Request::Check(Box::new(Check {
        attachment,
        addresses: requested_addresses(&config.runtime_config, &config.args, &arguments)?,
        netns: netns(environment)?,
        netns_override: environment.netns_override,
        previous_result,
        pod: Pod::gather(&arguments, &config.runtime_config),
        gateways: arguments.gateways,
        call,
    })))
}

fn gc(call: Call) -> Result<Request, Error> {
    // Taking an absent list for an empty one would free every address that is in use.
    let missing = || ConfigError::Missing {
        key: "cni.dev/valid-attachments".to_owned(),
        remedy: "GC needs the list of attachments in use, if only an empty one",
    };
    let valid = call.config.valid_attachments.clone().ok_or_else(missing)?;
    Ok(Request::Gc(Box::new(Gc { call, valid })))
}

fn missing_previous_result(remedy: &'static str) -> Error {
    ConfigError::Missing {
        key: "prevResult".to_owned(),
        remedy,
    }
    .into()
}
