//! What the tests of several modules share.

mod full_file_system;
mod processes;

use std::path::Path;
use std::process::{Command, Stdio};

use plan::{Attachment, NetworkTag};
use tempfile::TempDir;

use crate::{AddressRange, LinkEvidence, Location, Store};

/// A store in a directory of its own, deleted with it.
pub(crate) struct TestStore {
    store: Store,
    directory: TempDir,
}

impl std::ops::Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl TestStore {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&location(directory.path())).unwrap();
        store.finish_new(&[], &[]).unwrap();
        Self { store, directory }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Closes the store and leaves the directory.
    pub(crate) fn close(self) -> TempDir {
        self.directory
    }
}

pub(crate) fn location(directory: &Path) -> Location {
    Location {
        root: directory.join("run"),
        persistent_root: directory.join("lib"),
        boot_id: "6fe4a9cb-0c3f-4bd5-9a5e-3a6a3b3c9d10".into(),
        netns_cookie: 1,
    }
}

pub(crate) fn attachment(container: impl ToString) -> Attachment {
    Attachment {
        network: "pods".into(),
        container_id: container.to_string(),
        interface_name: "eth0".into(),
    }
}

pub(crate) fn network() -> NetworkTag {
    NetworkTag::of("pods")
}

pub(crate) fn range(first: &str, last: &str) -> AddressRange {
    AddressRange {
        first: first.parse().unwrap(),
        last: last.parse().unwrap(),
    }
}

pub(crate) fn evidence() -> LinkEvidence {
    LinkEvidence {
        kind: None,
        link: "veth0".into(),
        mac: None,
        netns: None,
        reason: "its alias says so".into(),
    }
}

/// The variable that tells a child test where to work.
const DIRECTORY: &str = "WASM_CNI_STORE_TEST_DIRECTORY";

/// This test binary, running only the ignored test `name`, which works in `directory`.
pub(crate) fn child(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "--test-threads=1",
            name,
        ])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// In a child: where to work.
pub(crate) fn child_directory() -> std::path::PathBuf {
    std::env::var_os(DIRECTORY)
        .expect("run by another test")
        .into()
}
