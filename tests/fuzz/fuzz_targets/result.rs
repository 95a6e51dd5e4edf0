//! A result that can be read in a version is the same after it was written and read again.
#![no_main]

use cni::convert::{read, read_output, write};
use cni::version::SpecVersion;
use libfuzzer_sys::fuzz_target;

// The first byte chooses the version, the rest is what a delegate printed.
fuzz_target!(|input: &[u8]| {
    let Some((choice, stdout)) = input.split_first() else {
        return;
    };
    let version = SpecVersion::ALL[usize::from(*choice) % SpecVersion::ALL.len()];
    let Ok(result) = read_output(stdout, version) else {
        return;
    };
    let Ok(written) = write(&result, SpecVersion::LATEST) else {
        return;
    };
    assert_eq!(read(&written, SpecVersion::LATEST).ok(), Some(result));
});
