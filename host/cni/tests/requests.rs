//! Whole calls, from the variables and standard input to a request or an error code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it does not expect"
)]

use std::ffi::OsStr;

use cni::environment::Invocation;
use cni::error::Error;
use cni::request::Request;
use cni::role::Role;
use cni::version::SpecVersion;
use serde_json::Value;

fn parse(verb: &str, case: &Value) -> Result<Request, Error> {
    let variables = case["environment"].as_object().unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let all = variables.chain([("CNI_COMMAND", verb)]);
    let stdin = match case.get("text") {
        Some(text) => text.as_str().unwrap().to_owned(),
        None => case["stdin"].to_string(),
    };
    match Invocation::from_variables(all)? {
        Invocation::Call(environment) => {
            Request::parse(OsStr::new("wasm-cni"), &environment, stdin.as_bytes())
        }
        Invocation::About => panic!("{verb} is no verb"),
    }
}

fn role(request: &Request) -> Option<&'static str> {
    let call = match request {
        Request::Add(add) => &add.call,
        Request::Del(del) => &del.call,
        Request::Check(check) => &check.call,
        Request::Gc(gc) => &gc.call,
        Request::Status(status) => &status.call,
        Request::Version(_) => return None,
    };
    Some(match call.role {
        Role::Ipam => "ipam",
        Role::Stage => "stage",
        Role::Link => "link",
    })
}

fn compare(verb: &str, case: &Value) {
    let name = format!("{verb}: {}", case["name"]);
    let expected = &case["expect"];
    match parse(verb, case) {
        Ok(request) => {
            assert_eq!(
                expected.get("verb").and_then(Value::as_str),
                Some(verb),
                "{name}"
            );
            assert_eq!(request.verb().as_str(), verb, "{name}");
            assert_eq!(
                expected.get("role").and_then(Value::as_str),
                role(&request),
                "{name}"
            );
            if let Request::Gc(gc) = &request {
                assert_eq!(
                    expected["valid"].as_u64(),
                    Some(gc.valid.len() as u64),
                    "{name}"
                );
            }
            if let Request::Version(report) = &request {
                assert_eq!(expected["echo"], report.cni_version.as_str(), "{name}");
            }
        }
        Err(error) => {
            let object = error.to_object(SpecVersion::LATEST);
            let code = Some(u64::from(object.code.number()));
            assert_eq!(
                expected.get("code").and_then(Value::as_u64),
                code,
                "{name}: {error}"
            );
            let part = expected["message"].as_str().unwrap();
            assert!(
                object.message.contains(part),
                "{name}: {} lacks {part}",
                object.message
            );
        }
    }
}

fn run(verb: &str, table: &str) {
    let table: Vec<Value> = serde_json::from_str(table).unwrap();
    assert!(!table.is_empty());
    table.iter().for_each(|case| compare(verb, case));
}

#[test]
fn every_add_is_taken_or_refused_with_its_code() {
    run("ADD", include_str!("fixtures/requests/add.json"));
}

#[test]
fn every_del_that_names_its_attachment_is_taken() {
    run("DEL", include_str!("fixtures/requests/del.json"));
}

#[test]
fn every_check_is_taken_or_refused_with_its_code() {
    run("CHECK", include_str!("fixtures/requests/check.json"));
}

#[test]
fn every_gc_is_taken_or_refused_with_its_code() {
    run("GC", include_str!("fixtures/requests/gc.json"));
}

#[test]
fn every_status_is_taken_or_refused_with_its_code() {
    run("STATUS", include_str!("fixtures/requests/status.json"));
}

#[test]
fn every_version_is_answered() {
    run("VERSION", include_str!("fixtures/requests/version.json"));
}
