//! A full file system is an error, not SIGBUS. The ignored tests run on a tiny tmpfs in a mount namespace of their own.

use std::path::Path;
use std::process::Command;

use super::{attachment, child, child_directory, location, network, range};
use crate::{CoolDown, Record, Store, StoreError};

#[test]
#[ignore = "run in a child process"]
fn child_opens_on_a_file_system_that_is_too_small() {
    for _ in 0..2 {
        let error = Store::open(&location(&child_directory())).unwrap_err();
        assert!(matches!(error, StoreError::NoSpace), "{error}");
    }
}

#[test]
#[ignore = "run in a child process"]
fn child_fills_the_file_system() {
    let store = Store::open(&location(&child_directory())).unwrap();
    store.finish_new(&[], &[]).unwrap();
    let ranges = [range("10.0.0.0", "10.255.255.255")];
    let add = |number: u32| {
        store
            .reserve_next(network(), &ranges, None, &attachment(number), 1)
            .map_err(|error| error.to_string())?;
        let record = Record::new(attachment(number), number, 1);
        store
            .put_pending(&record, None)
            .map_err(|error| error.to_string())
    };
    let (full, error) = (0..100_000)
        .find_map(|number| add(number).err().map(|error| (number, error)))
        .unwrap();
    assert!(error.contains("no space is left"), "{error}");
    for number in 0..full {
        let key = attachment(number).key();
        assert!(store.record(&key).unwrap().is_some());
        assert!(store.remove(&key, CoolDown::NONE).unwrap().record);
    }
    add(full).unwrap();
}

/// Runs an ignored test on a tmpfs of this many KiB; false, with the reason, where that can't be done.
fn run_on_tmpfs(name: &str, kib: u32) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let test = child(
        &format!("testing::full_file_system::{name}"),
        directory.path(),
    );
    let mount = "mount -t tmpfs -o \"size=$1k\" tmpfs \"$2\" || exit 77; shift 2; exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", mount, "sh"])
        .arg(kib.to_string())
        .arg(directory.path());
    command.arg(test.get_program()).args(test.get_args());
    command.envs(
        test.get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return skip(directory.path(), &error.to_string()),
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || text.contains("unshare failed") {
        return skip(directory.path(), &text);
    }
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(text.contains("1 passed"), "{text}");
    true
}

fn skip(directory: &Path, reason: &str) -> bool {
    println!(
        "skipped: no tmpfs can be mounted on {}: {reason}",
        directory.display()
    );
    false
}

#[test]
fn a_file_system_too_small_for_the_reader_table_is_an_error() {
    let ran = run_on_tmpfs("child_opens_on_a_file_system_that_is_too_small", 64);
    assert!(ran || !nix::unistd::geteuid().is_root() || in_container());
}

#[test]
fn a_file_system_that_fills_up_is_an_error_and_removing_still_works() {
    let ran = run_on_tmpfs("child_fills_the_file_system", 4096);
    assert!(ran || !nix::unistd::geteuid().is_root() || in_container());
}

/// Root in a container may be denied `mount`.
fn in_container() -> bool {
    !Command::new("unshare")
        .args(["--mount", "true"])
        .status()
        .is_ok_and(|status| status.success())
}
