//! Any variables and any standard input make a request or an error with a code from 1 to 7.
#![no_main]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use cni::environment::Invocation;
use cni::error::Error;
use cni::request::Request;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 7] = [
    "CNI_COMMAND",
    "CNI_CONTAINERID",
    "CNI_IFNAME",
    "CNI_NETNS",
    "CNI_ARGS",
    "CNI_PATH",
    "TRACEPARENT",
];

// The input is the variables' values, one a line, and then standard input.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(NAMES.len() + 1, |byte| *byte == b'\n');
    let variables: Vec<(&str, OsString)> = NAMES
        .into_iter()
        .zip(parts.by_ref())
        .map(|(name, value)| (name, OsStr::from_bytes(value).to_owned()))
        .collect();
    let stdin = parts.next().unwrap_or_default();
    let error: Error = match Invocation::from_variables(variables) {
        Ok(Invocation::About) => return,
        Ok(Invocation::Call(environment)) => {
            match Request::parse(OsStr::new("wasm-cni"), &environment, stdin) {
                Ok(_) => return,
                Err(error) => error,
            }
        }
        Err(error) => error.into(),
    };
    assert!((1..=7).contains(&error.code().number()), "{error}");
});
